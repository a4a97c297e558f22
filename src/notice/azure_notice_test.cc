// What is special about Azure; what all clouds' watchers survive stands in survive_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "base/text.h"
#include "notice/testing.h"

namespace baton {
namespace {

constexpr const char* kEvents = "/metadata/scheduledevents?api-version=2020-07-01";

struct Event {
  std::string id = "e1";
  std::string type = "Preempt";
  std::string resources = R"("scale_3")";
  std::string status = "Scheduled";
  std::string not_before{};
  std::string json() const {
    return R"({"EventId":")" + id + R"(","EventType":")" + type +
           R"(","ResourceType":"VirtualMachine","Resources":[)" + resources +
           R"(],"EventStatus":")" + status + R"(","NotBefore":")" + not_before + "\"}";
  }
};

class AzureNotice : public ::testing::Test {
 protected:
  AzureNotice() { clock_.set_auto_advance(true); }
  void start() {
    server_ = std::make_unique<TestServer>([this](const TestRequest& request) {
      if (request.method == "POST") return TestReply{.status = post_status_};
      if (request.target.find("/metadata/instance/compute") == 0)
        return TestReply{.body = R"({"name":"scale_3"})"};
      std::lock_guard lock(mutex_);
      return TestReply{.body = R"({"DocumentIncarnation":1,"Events":[)" + events_ + "]}"};
    });
    source_ = make_azure_notice(*http_, clock_, log_, server_->url(), short_times());
    source_->start(box_.sink());
  }
  void set_events(const std::vector<Event>& events) {
    std::lock_guard lock(mutex_);
    events_.clear();
    for (const Event& event : events) events_ += (events_.empty() ? "" : ",") + event.json();
  }
  std::vector<TestRequest> posts() const {
    std::vector<TestRequest> out;
    for (const TestRequest& request : server_->requests())
      if (request.method == "POST") out.push_back(request);
    return out;
  }
  bool polled_again() const {
    size_t n = 0;
    for (const TestRequest& request : server_->requests()) n += request.target == kEvents;
    return server_->wait_for("scheduledevents", n + 3);
  }
  std::string in_ms(int64_t ms) const { return iso_time_ms(clock_.wall_ms() + ms); }

  ManualClock clock_;
  LogBox log_;
  NoticeBox box_;
  std::mutex mutex_;
  std::string events_;
  std::atomic<int> post_status_{200};
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<HttpClient> http_ = make_http_client();
  std::unique_ptr<NoticeSource> source_;
};

TEST_F(AzureNotice, SaysWhoItIs) {
  start();
  ASSERT_TRUE(server_->wait_for("scheduledevents", 2));
  for (const TestRequest& request : server_->requests())
    EXPECT_EQ(request.header("Metadata"), "true");
}

TEST_F(AzureNotice, AnotherVmsEventIsNone) {
  set_events({{.id = "e1", .resources = R"("scale_33","scale")"}, {.id = "e2", .resources = ""}});
  start();
  ASSERT_TRUE(polled_again());
  EXPECT_TRUE(box_.all().empty());
}

TEST_F(AzureNotice, OursIsFoundAmongOthersWithoutRegardToCase) {
  set_events({{.id = "e1", .resources = R"("scale_1")"},
              {.id = "e2", .resources = R"("other","SCALE_3")"}});
  start();
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].id, "e2");
}

TEST_F(AzureNotice, EachTypeHasItsMeaning) {
  struct {
    const char* type;
    Notice::Kind kind;
    int64_t budget_ms;
  } const expected[] = {{"Preempt", Notice::Kind::terminate, 30'000},
                        {"Terminate", Notice::Kind::terminate, 900'000},
                        {"Reboot", Notice::Kind::terminate, 900'000},
                        {"Redeploy", Notice::Kind::terminate, 600'000},
                        {"Freeze", Notice::Kind::rebalance, 900'000}};
  std::vector<Event> events;
  for (const auto& e : expected)
    events.push_back({.id = e.type, .type = e.type, .not_before = in_ms(86'400'000)});
  events.push_back({.id = "later", .type = "Teleport"});
  set_events(events);
  start();
  auto notices = box_.wait_for(5);
  ASSERT_EQ(notices.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(notices[i].id, expected[i].type);
    EXPECT_EQ(notices[i].kind, expected[i].kind) << expected[i].type;
    EXPECT_EQ(notices[i].deadline_mono_ms, clock_.mono_ms() + expected[i].budget_ms)
        << expected[i].type;
  }
  ASSERT_TRUE(polled_again());
  EXPECT_EQ(log_.wait_for(1).size(), 1u);  // "Teleport", once
}

TEST_F(AzureNotice, DatesComeInTwoForms) {
  int64_t due = (clock_.wall_ms() / 1000 + 20) * 1000;
  time_t seconds = due / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  strftime(text, sizeof text, "Xyz, %d %b %Y %H:%M:%S GMT", &utc);  // any weekday
  set_events({{.id = "rfc", .not_before = text}, {.id = "iso", .not_before = iso_time_ms(due)}});
  start();
  auto notices = box_.wait_for(2);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0].deadline_mono_ms, due - clock_.wall_ms() + clock_.mono_ms());
  EXPECT_EQ(notices[0].deadline_mono_ms, notices[1].deadline_mono_ms);
}

TEST_F(AzureNotice, AHardwareFailureIsStartedAtOnceAndDueNow) {
  set_events({{.type = "Redeploy", .status = "Started"}});
  start();
  EXPECT_EQ(box_.wait_for(1).at(0).deadline_mono_ms, clock_.mono_ms());
}

TEST_F(AzureNotice, AnEventThatIsBroughtForwardIsToldAgain) {
  set_events({{.type = "Reboot", .not_before = in_ms(600'000)}});
  start();
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  set_events({{.type = "Reboot", .status = "Started"}});
  auto notices = box_.wait_for(2);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[1].id, "e1/started");
  EXPECT_EQ(notices[1].deadline_mono_ms, clock_.mono_ms());
  ASSERT_TRUE(polled_again());
  EXPECT_EQ(box_.all().size(), 2u);
}

TEST_F(AzureNotice, AnEventThatStartsWhenItSaidIsNotToldAgain) {
  set_events({{.not_before = in_ms(0)}});
  start();
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  set_events({{.status = "Started"}});
  ASSERT_TRUE(polled_again());
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_F(AzureNotice, CancelledEvent) {
  set_events({{.not_before = in_ms(20'000)}});
  start();
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  set_events({});
  auto notices = box_.wait_for(2);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[1].kind, Notice::Kind::cancelled);
  EXPECT_EQ(notices[1].id, notices[0].id);
}

TEST_F(AzureNotice, AnUnreadableListCancelsNothing) {
  set_events({{.not_before = in_ms(20'000)}});
  start();
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  size_t asked = server_->requests().size();
  std::atomic<int> bad{0};
  server_->set_script(
      [&](const TestRequest&) { return TestReply{.body = ++bad % 2 ? "" : R"({"Events":null})"}; });
  ASSERT_TRUE(server_->wait_for("scheduledevents", asked + 4));
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_F(AzureNotice, AFreezeThatIsOverIsNoCancellation) {
  set_events({{.id = "freeze", .type = "Freeze"}});
  start();
  ASSERT_EQ(box_.wait_for(1).size(), 1u);
  set_events({});
  ASSERT_TRUE(polled_again());
  EXPECT_EQ(box_.all().size(), 1u);
}

TEST_F(AzureNotice, AcknowledgesAnEventOfThisMachineAlone) {
  set_events({{}});
  start();
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  source_->acknowledge(notices[0]);
  ASSERT_EQ(posts().size(), 1u);
  EXPECT_EQ(posts()[0].target, kEvents);
  EXPECT_EQ(posts()[0].body, R"({"StartRequests":[{"EventId":"e1"}]})");
  EXPECT_EQ(posts()[0].header("Metadata"), "true");
}

TEST_F(AzureNotice, DoesNotAcknowledgeForOtherMachines) {
  set_events({{.resources = R"("scale_3","scale_4")"}});
  start();
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  source_->acknowledge(notices[0]);
  EXPECT_TRUE(posts().empty());
}

TEST_F(AzureNotice, DoesNotAcknowledgeWhatItNeverReported) {
  start();
  ASSERT_TRUE(polled_again());
  Notice foreign;
  foreign.source = "azure";
  foreign.id = "unheard";
  source_->acknowledge(foreign);
  EXPECT_TRUE(posts().empty());
}

TEST_F(AzureNotice, AnAcknowledgementIsTriedAFewTimes) {
  set_events({{}});
  post_status_ = 429;
  start();
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  source_->acknowledge(notices[0]);
  EXPECT_EQ(posts().size(), 3u);
  post_status_ = 400;  // the event is over: repeating cannot help
  source_->acknowledge(notices[0]);
  EXPECT_EQ(posts().size(), 4u);
}

TEST_F(AzureNotice, TheFirstAnswerMayTakeLong) {
  WatchTimes times = short_times();
  times.request = 1'000;
  times.azure_first = 60'000;
  std::atomic<int> asked{0};
  server_ = std::make_unique<TestServer>([&](const TestRequest& request) {
    if (request.target.find("/metadata/instance/compute") == 0)
      return TestReply{.body = R"({"name":"scale_3"})"};
    return TestReply{.body = R"({"Events":[)" + Event{}.json() + "]}",
                     .delay_ms = ++asked == 1 ? 1'200 : 0};
  });
  source_ = make_azure_notice(*http_, clock_, log_, server_->url(), times);
  source_->start(box_.sink());
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
  EXPECT_TRUE(log_.wait_for(0).empty());
}

}  // namespace
}  // namespace baton
