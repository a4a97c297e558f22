// One test per thing that a watcher must survive, run against every cloud's watcher where it
// applies. (What concerns the agent as a whole, such as a notice while a checkpoint is written, is
// tested there.)
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "base/text.h"
#include "notice/testing.h"

namespace baton {
namespace {

constexpr const char* kOurName = "vm-1";

// Scripts a cloud's metadata service around one switch: is there a notice, or not.
struct Cloud {
  const char* name;
  std::unique_ptr<NoticeSource> (*make)(HttpClient&, Clock&, Log&, const std::string&,
                                        const WatchTimes&);
  TestReply (*quiet)(const TestRequest&);
  TestReply (*notice)(const TestRequest&, const std::string& time);
  const char* notice_path;
  int64_t budget_ms;
  bool states_time;
};

TestReply aws_quiet(const TestRequest& request) {
  if (request.target == "/latest/api/token") return {.body = "token-1"};
  return {.status = 404,
          .body = "<html><body>404 Not Found</body></html>",
          .headers = {{"Content-Type", "text/html"}}};
}
TestReply aws_notice(const TestRequest& request, const std::string& time) {
  if (request.target != "/latest/meta-data/spot/instance-action") return aws_quiet(request);
  return {.body = R"({"action":"terminate","time":")" + time + "\"}"};
}

TestReply gcp_value(const TestRequest& request, bool preempted) {
  bool is_preempted = request.target.find("/instance/preempted") != std::string::npos;
  std::string etag = preempted && is_preempted ? "e2" : "e1";
  // A long poll for a change that has not come yet: answered when its time is over.
  bool waits = request.target.find("last_etag=" + etag) != std::string::npos;
  return {.body = is_preempted ? (preempted ? "TRUE" : "FALSE") : "NONE",
          .headers = {{"ETag", etag}, {"Metadata-Flavor", "Google"}},
          .delay_ms = waits ? 20 : 0};
}
TestReply gcp_quiet(const TestRequest& request) { return gcp_value(request, false); }
TestReply gcp_notice(const TestRequest& request, const std::string&) {
  return gcp_value(request, true);
}

std::string azure_event(const std::string& id, const std::string& vm, const std::string& time,
                        const std::string& status = "Scheduled") {
  return R"({"EventId":")" + id +
         R"(","EventType":"Preempt","ResourceType":"VirtualMachine","Resources":[")" + vm +
         R"("],"EventStatus":")" + status + R"(","NotBefore":")" + time + "\"}";
}
TestReply azure_events(const TestRequest& request, const std::string& events) {
  if (request.target.find("/metadata/instance/compute") == 0)
    return {.body = std::string(R"({"name":")") + kOurName + "\"}"};
  return {.body = R"({"DocumentIncarnation":2,"Events":[)" + events + "]}"};
}
TestReply azure_quiet(const TestRequest& request) { return azure_events(request, ""); }
TestReply azure_notice(const TestRequest& request, const std::string& time) {
  return azure_events(request, azure_event("event-1", kOurName, time));
}

const Cloud kAws{"aws", make_aws_notice, aws_quiet, aws_notice, "instance-action", 120'000, true};
const Cloud kGcp{"gcp", make_gcp_notice, gcp_quiet, gcp_notice, "instance/preempted", 30'000,
                 false};
const Cloud kAzure{"azure", make_azure_notice, azure_quiet, azure_notice, "scheduledevents", 30'000,
                   true};

class WatcherSurvives : public ::testing::TestWithParam<Cloud> {
 protected:
  void start(TestScript script, WatchTimes times = short_times()) {
    server_ = std::make_unique<TestServer>(std::move(script));
    watch(server_->url(), times);
  }
  void watch(const std::string& base, const WatchTimes& times = short_times()) {
    http_ = make_http_client();
    source_ = cloud_.make(*http_, clock_, log_, base, times);
    source_->start(box_.sink());
  }
  // Wall time, `ms` from now by this machine's clock, as services state it.
  std::string in_ms(int64_t ms) const { return iso_time_ms(clock_.wall_ms() + ms); }
  // The time to expect; a service that states none always gives its budget.
  int64_t left(int64_t ms) const { return cloud_.states_time ? ms : cloud_.budget_ms; }
  TestReply pending(const TestRequest& request) const {
    return cloud_.notice(request, in_ms(20'000));
  }
  TestScript quiet_then_pending(int quiet_answers) {
    auto left = std::make_shared<std::atomic<int>>(quiet_answers);
    return [this, left](const TestRequest& request) {
      bool counts = request.target.find(cloud_.notice_path) != std::string::npos;
      return counts && (*left)-- <= 0 ? pending(request) : cloud_.quiet(request);
    };
  }
  // The watcher goes on asking: what came before has not stopped it.
  bool goes_on(size_t more = 3) const {
    size_t before = 0;
    for (const TestRequest& request : server_->requests())
      before += request.target.find(cloud_.notice_path) != std::string::npos;
    return server_->wait_for(cloud_.notice_path, before + more);
  }
  // Answers with `bad` for a while, then with a notice, which must be heard.
  void survives(const TestReply& bad, WatchTimes times = short_times()) {
    auto left = std::make_shared<std::atomic<int>>(4);
    start(
        [this, bad, left](const TestRequest& request) {
          bool counts = request.target.find(cloud_.notice_path) != std::string::npos;
          if (!counts) return cloud_.quiet(request);
          return (*left)-- > 0 ? bad : pending(request);
        },
        times);
    auto notices = box_.wait_for(1);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].kind, Notice::Kind::terminate);
    EXPECT_EQ(log_.errors(), 0);
  }

  Cloud cloud_ = GetParam();
  ManualClock clock_;
  LogBox log_;
  NoticeBox box_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<NoticeSource> source_;  // last: stops before what it uses
};

TEST_P(WatcherSurvives, NoticeAlreadyPresentAtStart) {
  start([this](const TestRequest& request) { return pending(request); });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind, Notice::Kind::terminate);
  EXPECT_EQ(notices[0].source, cloud_.name);
  EXPECT_FALSE(notices[0].reason.empty());
}

TEST_P(WatcherSurvives, NoticeThatComesLater) {
  start(quiet_then_pending(3));
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

TEST_P(WatcherSurvives, Duplicates) {
  start([this](const TestRequest& request) { return pending(request); });
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  ASSERT_TRUE(goes_on(5));
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_P(WatcherSurvives, DuplicatesWhoseTimeSlides) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    return cloud_.notice(request, in_ms(120'000 + 1000 * ++asked));
  });
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  ASSERT_TRUE(goes_on(5));
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_P(WatcherSurvives, PastDeadline) {
  start([this](const TestRequest& request) {
    return cloud_.notice(request, "1971-01-01T00:00:00Z");
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  // Now; neither negative nor unknown.
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + left(0));
}

TEST_P(WatcherSurvives, NoNoticeAtAll) {
  start(cloud_.quiet);
  ASSERT_TRUE(goes_on(10));
  EXPECT_TRUE(box_.all().empty());
  EXPECT_TRUE(log_.wait_for(0).empty());
}

TEST_P(WatcherSurvives, ClockSkew) {
  // This machine's wall clock is an hour behind: the stated time seems far away, but the provider
  // never gives more than its budget.
  start([this](const TestRequest& request) {
    return cloud_.notice(request, in_ms(3'600'000 + 20'000));
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + left(cloud_.budget_ms));
}

TEST_P(WatcherSurvives, ClockStepsAfterTheNotice) {
  start([this](const TestRequest& request) { return pending(request); });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  clock_.step_wall(-3'600'000);
  ASSERT_TRUE(goes_on());
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_P(WatcherSurvives, DeadlineWithinTheBudgetIsKept) {
  start([this](const TestRequest& request) { return cloud_.notice(request, in_ms(20'000)); });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + left(20'000));
}

TEST_P(WatcherSurvives, SlowDrip) {
  WatchTimes times = short_times();
  times.request = times.azure_first = 200;
  times.gcp_wait = 0;
  survives({.body = std::string(100'000, 'x'), .drip = 1, .drip_ms = 5}, times);
}

TEST_P(WatcherSurvives, HugeBody) {
  survives({.body = std::string(1 << 20, 'x'), .repeat = 1 << 12});
}

TEST_P(WatcherSurvives, NotFoundAsHtml) {
  survives({.status = 404,
            .body = "<!DOCTYPE html><h1>404</h1>",
            .headers = {{"Content-Type", "text/html"}}});
}

TEST_P(WatcherSurvives, SuccessAsHtml) { survives({.body = "<!DOCTYPE html><h1>Welcome</h1>"}); }
TEST_P(WatcherSurvives, EmptyBody) { survives({.body = ""}); }
TEST_P(WatcherSurvives, BrokenJson) { survives({.body = R"({"action":"termi)"}); }
TEST_P(WatcherSurvives, JsonOfAnotherShape) {
  survives({.body = R"([[{"Events":3}],null,"action"])"});
}
TEST_P(WatcherSurvives, DeepJson) { survives({.body = std::string(10'000, '[')}); }
TEST_P(WatcherSurvives, WrongContentLength) { survives({.body = "{}", .content_length = 4000}); }
TEST_P(WatcherSurvives, ServerError) { survives({.status = 500, .body = "oops"}); }
TEST_P(WatcherSurvives, Throttling) { survives({.status = 429}); }
TEST_P(WatcherSurvives, Restarting) { survives({.status = 410}); }
TEST_P(WatcherSurvives, Reset) { survives({.reset = true}); }
TEST_P(WatcherSurvives, GarbageInsteadOfHttp) {
  survives({.raw = std::string("\0\xff\r\n\r\n", 6)});
}

TEST_P(WatcherSurvives, FreezeMidPoll) {
  // The machine pauses while a request is under way: nobody answers it any more.
  WatchTimes times = short_times();
  times.request = times.azure_first = 200;
  times.gcp_wait = 0;
  survives({.hang = true}, times);
}

TEST_P(WatcherSurvives, ProxyVariables) {
  TestServer proxy([](const TestRequest&) { return TestReply{.status = 502}; });
  Variable http("http_proxy", proxy.url());
  Variable all("all_proxy", proxy.url());
  start([this](const TestRequest& request) { return pending(request); });
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
  EXPECT_TRUE(proxy.requests().empty());
  for (const TestRequest& request : server_->requests()) {
    EXPECT_EQ(request.count("X-Forwarded-For"), 0);
    EXPECT_EQ(request.count("Via"), 0);
  }
}

TEST_P(WatcherSurvives, DnsFailure) {
  HttpClientOptions options;
  options.resolver = {"/nonexistent", "/nonexistent", 1};  // nobody listens on this port
  http_ = make_http_client(options);
  source_ = cloud_.make(*http_, clock_, log_, "http://metadata.google.internal", short_times());
  source_->start(box_.sink());
  EXPECT_EQ(log_.wait_for(1).size(), 1u);
  EXPECT_TRUE(box_.all().empty());
  EXPECT_EQ(log_.errors(), 0);
}

TEST_P(WatcherSurvives, MetadataServiceDead) {
  // Dead for a while: one word about it, no notice, and heard again once it is back.
  std::atomic<bool> alive{false};
  start([&](const TestRequest& request) {
    return alive ? pending(request) : TestReply{.reset = true};
  });
  const char* asked = std::string(cloud_.name) == "aws" ? "/latest" : cloud_.notice_path;
  ASSERT_TRUE(server_->wait_for(asked, 12));
  EXPECT_TRUE(box_.all().empty());
  EXPECT_EQ(log_.wait_for(1).size(), 1u);
  alive = true;
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
  EXPECT_EQ(log_.errors(), 0);
}

TEST_P(WatcherSurvives, BeingStoppedWhileARequestHangs) {
  start([](const TestRequest&) { return TestReply{.hang = true}; });
  ASSERT_TRUE(server_->wait_for("/"));
  source_.reset();  // must return although nobody answers; the test's own time limit shows it
  EXPECT_TRUE(box_.all().empty());
  EXPECT_TRUE(log_.wait_for(0).empty());
}

INSTANTIATE_TEST_SUITE_P(Clouds, WatcherSurvives, ::testing::Values(kAws, kGcp, kAzure),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace baton
