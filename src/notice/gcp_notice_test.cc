// What is special about Google Cloud; what all clouds' watchers survive stands in survive_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>

#include "notice/testing.h"

namespace baton {
namespace {

constexpr const char* kPreempted = "/computeMetadata/v1/instance/preempted";
constexpr const char* kMaintenance = "/computeMetadata/v1/instance/maintenance-event";

bool asks(const TestRequest& request, const char* path) {
  return request.target.rfind(path, 0) == 0;
}

TestReply value(const std::string& text, const std::string& etag, int64_t delay_ms = 0) {
  return {.body = text,
          .headers = {{"ETag", etag}, {"Metadata-Flavor", "Google"}},
          .delay_ms = delay_ms};
}

class GcpNotice : public ::testing::Test {
 protected:
  void start(TestScript script, WatchTimes times = short_times()) {
    server_ = std::make_unique<TestServer>(std::move(script));
    source_ = make_gcp_notice(*http_, clock_, log_, server_->url(), times);
    source_->start(box_.sink());
  }

  ManualClock clock_;
  LogBox log_;
  NoticeBox box_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<HttpClient> http_ = make_http_client();
  std::unique_ptr<NoticeSource> source_;
};

TEST_F(GcpNotice, ReadsFirstAndThenWaitsForAChangeOfWhatItRead) {
  start([](const TestRequest& request) {
    return value(asks(request, kPreempted) ? "FALSE" : "NONE", "4a\"c", 2);
  });
  ASSERT_TRUE(server_->wait_for("preempted?", 2));
  bool first = true;
  for (const TestRequest& request : server_->requests()) {
    EXPECT_EQ(request.header("Metadata-Flavor"), "Google");
    if (!asks(request, kPreempted)) continue;
    EXPECT_EQ(request.target,
              kPreempted +
                  std::string(first ? "" : "?wait_for_change=true&last_etag=4a%22c&timeout_sec=1"));
    first = false;
  }
}

TEST_F(GcpNotice, ALongPollThatIsAnsweredWithTheNews) {
  start([](const TestRequest& request) {
    if (!asks(request, kPreempted)) return value("NONE", "1", 2);
    return request.target.find("last_etag=1") == std::string::npos ? value("FALSE", "1")
                                                                   : value("TRUE", "2", 2);
  });
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].id, "preempted");
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + 30'000);
}

TEST_F(GcpNotice, TheBudgetCanBeLonger) {
  WatchTimes times = short_times();
  times.gcp_budget = 120'000;
  start(
      [](const TestRequest& request) {
        return value(asks(request, kPreempted) ? "TRUE" : "NONE", "1", 2);
      },
      times);
  EXPECT_EQ(box_.wait_for(1).at(0).deadline_mono_ms, clock_.mono_ms() + 120'000);
}

TEST_F(GcpNotice, AServerWithoutEtagsIsPolled) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    return TestReply{.body = !asks(request, kPreempted) ? "NONE" : ++asked > 3 ? "TRUE" : "FALSE"};
  });
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
  for (const TestRequest& request : server_->requests())
    EXPECT_EQ(request.target.find('?'), std::string::npos);
}

TEST_F(GcpNotice, MaintenanceThatEndsTheMachineAndIsCalledOff) {
  std::atomic<int> asked{0};
  start([&](const TestRequest& request) {
    if (!asks(request, kMaintenance)) return value("FALSE", "1", 2);
    int n = ++asked;
    return value(n == 2 || n == 4 ? "TERMINATE_ON_HOST_MAINTENANCE" : "NONE", std::to_string(n));
  });
  auto notices = box_.wait_for(4);
  ASSERT_GE(notices.size(), 4u);
  EXPECT_EQ(notices[0].kind, Notice::Kind::terminate);
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + 60'000);
  EXPECT_EQ(notices[1].kind, Notice::Kind::cancelled);
  EXPECT_EQ(notices[1].id, notices[0].id);
  EXPECT_EQ(notices[2].kind, Notice::Kind::terminate);
  EXPECT_NE(notices[2].id, notices[0].id);
}

TEST_F(GcpNotice, ALiveMigrationIsNoNotice) {
  start([](const TestRequest& request) {
    return value(asks(request, kMaintenance) ? "MIGRATE_ON_HOST_MAINTENANCE" : "FALSE", "1", 2);
  });
  ASSERT_TRUE(server_->wait_for("maintenance-event", 4));
  EXPECT_TRUE(box_.all().empty());
}

TEST_F(GcpNotice, AConcealedValueDoesNotHideTheOther) {
  start([](const TestRequest& request) {
    return asks(request, kMaintenance) ? TestReply{.status = 404} : value("TRUE", "1", 2);
  });
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
  ASSERT_TRUE(server_->wait_for("maintenance-event", 3));
  EXPECT_TRUE(log_.wait_for(0).empty());
}

// Answers at the server's address but not at its name.
class UnresolvableHttp : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request, const Cancel*) override {
    if (request.url.find("http://metadata.google.internal/") == 0)
      return Error{Code::not_found, "no such host", ""};
    HttpResponse reply;
    reply.status = 200;
    reply.body =
        request.url.find("http://169.254.169.254/computeMetadata/v1/instance/preempted") == 0
            ? "TRUE"
            : "NONE";
    return reply;
  }
};

TEST_F(GcpNotice, AsksTheAddressWhereTheNameCannotBeResolved) {
  UnresolvableHttp http;
  auto source = make_gcp_notice(http, clock_, log_, MetadataEndpoints().gcp, short_times());
  source->start(box_.sink());
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

}  // namespace
}  // namespace baton
