// What is special about AWS; what all clouds' watchers survive stands in survive_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/text.h"
#include "notice/testing.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr const char* kToken = "/latest/api/token";
constexpr const char* kAction = "/latest/meta-data/spot/instance-action";
constexpr const char* kRebalance = "/latest/meta-data/events/recommendations/rebalance";

class AwsNotice : public ::testing::Test {
 protected:
  void start(TestScript script, WatchTimes times = short_times()) {
    server_ = std::make_unique<TestServer>(std::move(script));
    source_ = make_aws_notice(*http_, clock_, log_, server_->url(), times);
    source_->start(box_.sink());
  }
  static TestReply none() {
    return {.status = 404, .body = "<?xml version=\"1.0\"?><html>404</html>"};
  }
  TestReply action(const std::string& what, int64_t in_ms = 120'000) const {
    return {.body = R"({"action":")" + what + R"(","time":")" +
                    iso_time_ms(clock_.wall_ms() + in_ms) + "\"}"};
  }
  size_t count(const std::string& target) const {
    size_t n = 0;
    for (const TestRequest& request : server_->requests()) n += request.target == target;
    return n;
  }

  ManualClock clock_;
  LogBox log_;
  NoticeBox box_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<HttpClient> http_ = make_http_client();
  std::unique_ptr<NoticeSource> source_;
};

TEST_F(AwsNotice, AsksForATokenOnceAndSendsIt) {
  start([](const TestRequest& request) {
    return request.target == kToken ? TestReply{.body = "AQAE=="} : none();
  });
  ASSERT_TRUE(server_->wait_for(kAction, 3));
  for (const TestRequest& request : server_->requests()) {
    if (request.target == kToken) {
      EXPECT_EQ(request.method, "PUT");
      EXPECT_EQ(request.header("X-aws-ec2-metadata-token-ttl-seconds"), "21600");
    } else {
      EXPECT_EQ(request.header("X-aws-ec2-metadata-token"), "AQAE==");
    }
  }
  EXPECT_EQ(count(kToken), 1u);
}

TEST_F(AwsNotice, RenewsATokenBeforeItEnds) {
  std::atomic<int> tokens{0};
  start([&](const TestRequest& request) {
    return request.target == kToken ? TestReply{.body = "t" + std::to_string(++tokens)} : none();
  });
  ASSERT_TRUE(server_->wait_for(kAction, 2));
  clock_.advance(21'600'000 - 60'000);
  ASSERT_TRUE(server_->wait_for(kToken, 2));
  ASSERT_TRUE(server_->wait_for(kAction, count(kAction) + 2));
  EXPECT_EQ(server_->requests().back().header("X-aws-ec2-metadata-token"), "t2");
}

TEST_F(AwsNotice, After401OnlyTheNewTokenIsSent) {
  std::atomic<int> tokens{0};
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t" + std::to_string(++tokens)};
    if (request.header("X-aws-ec2-metadata-token") == "t1") return TestReply{.status = 401};
    return request.target == kAction ? action("terminate") : none();
  });
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  for (const TestRequest& request : server_->requests())
    EXPECT_EQ(request.count("X-aws-ec2-metadata-token"), request.target == kToken ? 0 : 1);
}

class ForbiddingHttp : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest&, const Cancel*) override {
    ++requests;
    return HttpResponse{403, {}, "disabled"};
  }
  std::atomic<int> requests{0};
};

size_t threads_here() {
  auto tasks = list_dir("/proc/self/task");
  return tasks.ok() ? tasks->size() : 0;
}

TEST_F(AwsNotice, ForbiddenEndsTheWatchQuietly) {
  ForbiddingHttp http;
  size_t before = threads_here();
  source_ = make_aws_notice(http, clock_, log_, "http://unused", short_times());
  source_->start(box_.sink());
  while (threads_here() > before) std::this_thread::yield();  // the thread ends by itself
  EXPECT_EQ(http.requests, 1);
  EXPECT_TRUE(log_.wait_for(0).empty());
  source_.reset();
}

TEST_F(AwsNotice, VersionOneWithoutTokensWorksToo) {
  start([&](const TestRequest& request) {
    return request.target == kAction ? action("stop") : none();
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].reason, "spot interruption (stop)");
  for (const TestRequest& request : server_->requests())
    EXPECT_EQ(request.count("X-aws-ec2-metadata-token"), 0);
}

TEST_F(AwsNotice, ATokenLostOnItsSecondHopIsExplained) {
  WatchTimes times = short_times();
  times.request = 50;
  start(
      [](const TestRequest& request) {
        return request.target == kToken ? TestReply{.hang = true} : TestReply{.status = 401};
      },
      times);
  auto warnings = log_.wait_for(1);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("--http-put-response-hop-limit 2"), std::string::npos);
}

TEST_F(AwsNotice, AHostileTokenIsNotSent) {
  start([](const TestRequest& request) {
    return request.target == kToken ? TestReply{.body = "a\r\nX-Evil: 1"} : none();
  });
  ASSERT_TRUE(server_->wait_for(kToken, 3));
  for (const TestRequest& request : server_->requests()) EXPECT_EQ(request.count("X-Evil"), 0);
}

TEST_F(AwsNotice, HibernationIsDueNow) {
  start([&](const TestRequest& request) {
    return request.target == kAction  ? action("hibernate")
           : request.target == kToken ? TestReply{.body = "t"}
                                      : none();
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms());
}

TEST_F(AwsNotice, AnUnreadableTimeLeavesTheDeadlineUnknown) {
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t"};
    return request.target == kAction
               ? TestReply{.body = R"({"action":"terminate","time":"shortly"})"}
               : none();
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].deadline_mono_ms, -1);
}

TEST_F(AwsNotice, AnUnknownActionIsNoNotice) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t"};
    if (request.target != kAction) return none();
    return ++asked <= 3 ? action("dance\x1b[2J") : action("terminate");
  });
  EXPECT_EQ(box_.wait_for(1).at(0).reason, "spot interruption (terminate)");
  ASSERT_EQ(log_.wait_for(1).size(), 1u);
  EXPECT_EQ(log_.wait_for(1)[0].find('\x1b'), std::string::npos);
}

TEST_F(AwsNotice, RebalanceThenNotice) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t"};
    if (request.target == kRebalance)
      return TestReply{.body = R"({"noticeTime":"2020-10-26T00:00:00Z"})"};
    return ++asked > 4 ? action("terminate") : none();
  });
  auto notices = box_.wait_for(2);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0].kind, Notice::Kind::rebalance);
  EXPECT_EQ(notices[0].deadline_mono_ms, -1);
  EXPECT_EQ(notices[1].kind, Notice::Kind::terminate);
  EXPECT_NE(notices[0].id, notices[1].id);
}

TEST_F(AwsNotice, AGlitchInBetweenDoesNotMakeTheNoticeNew) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t"};
    if (request.target != kAction) return none();
    return ++asked % 2 ? action("terminate") : none();
  });
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  ASSERT_TRUE(server_->wait_for(kAction, 8));
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_F(AwsNotice, AMachineThatSurvivedMayBeInterruptedAgain) {
  std::atomic<bool> pending{true};
  start([&](const TestRequest& request) {
    if (request.target == kToken) return TestReply{.body = "t"};
    return request.target == kAction && pending ? action("stop") : none();
  });
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  pending = false;
  ASSERT_TRUE(server_->wait_for(kAction, count(kAction) + 2));
  clock_.advance(3'600'000);
  pending = true;
  auto notices = box_.wait_for(2);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_NE(notices[0].id, notices[1].id);
}

TEST_F(AwsNotice, NeverReadsTheLegacyTermination) {
  start([](const TestRequest& request) {
    return request.target == kToken ? TestReply{.body = "t"} : none();
  });
  ASSERT_TRUE(server_->wait_for(kAction, 3));
  for (const TestRequest& request : server_->requests())
    EXPECT_EQ(request.target.find("termination-time"), std::string::npos);
}

}  // namespace
}  // namespace baton
