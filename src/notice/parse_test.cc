#include "notice/parse.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace baton {
namespace {

constexpr int64_t kMoment = 1'505'722'920'000;  // 2017-09-18T08:22:00Z

TEST(ParseTime, ReadsIso) {
  EXPECT_EQ(parse_time_ms("2017-09-18T08:22:00Z"), kMoment);
  EXPECT_EQ(parse_time_ms(" 2017-09-18 08:22:00 "), kMoment);
  EXPECT_EQ(parse_time_ms("2017-09-18T08:22:00.25Z"), kMoment + 250);
  EXPECT_EQ(parse_time_ms("2017-09-18T08:22:00.123456789Z"), kMoment + 123);
  EXPECT_EQ(parse_time_ms("2017-09-18T10:22:00+02:00"), kMoment);
  EXPECT_EQ(parse_time_ms("2017-09-18T02:52:00-0530"), kMoment);
  EXPECT_EQ(parse_time_ms("1970-01-01T00:00:00Z"), 0);
}

TEST(ParseTime, ReadsRfc1123WithAnyWeekday) {
  EXPECT_EQ(parse_time_ms("Mon, 18 Sep 2017 08:22:00 GMT"), kMoment);
  EXPECT_EQ(parse_time_ms("Fri, 18 Sep 2017 08:22:00 GMT"), kMoment);
  EXPECT_EQ(parse_time_ms("Mon, 18 SEP 2017 08:22:00 GMT"), kMoment);
  // As in Azure's documentation, where the day is a Saturday.
  EXPECT_EQ(iso_time_ms(*parse_time_ms("Mon, 11 Apr 2026 22:26:58 GMT")),
            "2026-04-11T22:26:58.000Z");
}

TEST(ParseTime, KnowsTheCalendar) {
  EXPECT_EQ(iso_time_ms(*parse_time_ms("2024-02-29T23:59:60Z")), "2024-03-01T00:00:00.000Z");
  EXPECT_EQ(iso_time_ms(*parse_time_ms("2000-02-29T00:00:00Z")), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso_time_ms(*parse_time_ms("9999-12-31T23:59:59Z")), "9999-12-31T23:59:59.000Z");
  EXPECT_FALSE(parse_time_ms("2023-02-29T00:00:00Z"));
  EXPECT_FALSE(parse_time_ms("2100-02-29T00:00:00Z"));
}

TEST(ParseTime, RefusesTheRest) {
  for (const char* bad :
       {"", " ", "soon", "2017", "2017-09-18", "2017-09-18T08:22Z", "2017-13-18T08:22:00Z",
        "2017-00-18T08:22:00Z", "2017-09-31T08:22:00Z", "2017-09-18T24:00:00Z",
        "2017-09-18T08:60:00Z", "2017-09-18T08:22:00ZZ", "2017-09-18T08:22:00+2",
        "1969-12-31T23:59:59Z", "99999-01-01T00:00:00Z", "Mon, 18 Foo 2017 08:22:00 GMT",
        "Mon, 18 Sep 2017 08:22:00", "Mon, 18 Sep 2017 08:22:00 CET", "18 Sep 2017 08:22:00 GMT"})
    EXPECT_FALSE(parse_time_ms(bad)) << bad;
  EXPECT_FALSE(parse_time_ms(std::string(1000, '1')));
}

TEST(ParseAws, ReadsAnAction) {
  auto action = parse_aws_action(R"({"action": "hibernate", "time": "2017-09-18T08:22:00Z"})");
  ASSERT_TRUE(action.ok()) << action.error().text();
  EXPECT_EQ(action->action, "hibernate");
  EXPECT_EQ(action->time_ms, kMoment);
}

TEST(ParseAws, AnActionWithoutAReadableTimeIsOne) {
  for (const char* body : {R"({"action":"stop"})", R"({"action":"stop","time":"later"})",
                           R"({"action":"stop","time":3})"}) {
    auto action = parse_aws_action(body);
    ASSERT_TRUE(action.ok()) << body;
    EXPECT_FALSE(action->time_ms);
  }
}

TEST(ParseAws, RefusesTheRest) {
  for (const char* bad :
       {"", "{}", "null", "[]", "<html>", R"({"action":"dance","time":"2017-09-18T08:22:00Z"})",
        R"({"action":["stop"]})", R"({"time":"2017-09-18T08:22:00Z"})"})
    EXPECT_FALSE(parse_aws_action(bad).ok()) << bad;
}

TEST(ParseAws, KnowsARebalanceRecommendation) {
  EXPECT_TRUE(is_aws_rebalance(R"({"noticeTime":"2020-10-26T00:00:00Z"})"));
  for (const char* bad : {"", "{}", "[]", "<html>", R"({"noticeTime":""})", R"({"noticeTime":7})"})
    EXPECT_FALSE(is_aws_rebalance(bad)) << bad;
}

TEST(ParseGcp, ReadsTheTwoValues) {
  EXPECT_EQ(parse_gcp_preempted("TRUE"), true);
  EXPECT_EQ(parse_gcp_preempted("FALSE\n"), false);
  for (const char* bad : {"", "true", "TRUE FALSE", "1", "<html>TRUE</html>"})
    EXPECT_FALSE(parse_gcp_preempted(bad)) << bad;
  EXPECT_EQ(parse_gcp_maintenance("NONE"), GcpMaintenance::none);
  EXPECT_EQ(parse_gcp_maintenance("MIGRATE_ON_HOST_MAINTENANCE"), GcpMaintenance::migrate);
  EXPECT_EQ(parse_gcp_maintenance("TERMINATE_ON_HOST_MAINTENANCE"), GcpMaintenance::terminate);
  EXPECT_FALSE(parse_gcp_maintenance("TERMINATE"));
}

TEST(ParseAzure, ReadsEvents) {
  auto events = parse_azure_events(R"({"DocumentIncarnation":2,"Events":[
    {"EventId":"a","EventType":"Preempt","ResourceType":"VirtualMachine","Resources":["vm1","vm2"],
     "EventStatus":"Scheduled","NotBefore":"Mon, 18 Sep 2017 08:22:00 GMT","Description":"","EventSource":"Platform",
     "DurationInSeconds":-1},
    {"EventId":"b","EventType":"Freeze","Resources":["vm3"],"EventStatus":"Started","NotBefore":""},
    {"EventType":"Reboot"}, 7, null, {"EventId":"c","Resources":"vm1","EventStatus":3}]})");
  ASSERT_TRUE(events.ok()) << events.error().text();
  ASSERT_EQ(events->size(), 3u);
  EXPECT_EQ((*events)[0].id, "a");
  EXPECT_EQ((*events)[0].type, "Preempt");
  EXPECT_FALSE((*events)[0].started);
  EXPECT_EQ((*events)[0].not_before_ms, kMoment);
  EXPECT_EQ((*events)[0].resources, (std::vector<std::string>{"vm1", "vm2"}));
  EXPECT_TRUE((*events)[1].started);
  EXPECT_FALSE((*events)[1].not_before_ms);
  EXPECT_TRUE((*events)[2].resources.empty());
}

TEST(ParseAzure, RefusesTheRest) {
  for (const char* bad :
       {"", "{}", "[]", "null", R"({"Events":{}})", R"({"Events":null})", "<html>"})
    EXPECT_FALSE(parse_azure_events(bad).ok()) << bad;
  std::string many = R"({"Events":[0)";
  for (int i = 0; i < 2000; ++i) many += ",0";
  EXPECT_FALSE(parse_azure_events(many + "]}").ok());
}

TEST(ParseAzure, ReadsTheMachinesName) {
  EXPECT_EQ(*parse_azure_name(R"({"name":"scale_3","vmScaleSetName":"scale"})"), "scale_3");
  EXPECT_FALSE(parse_azure_name("{}").ok());
}

}  // namespace
}  // namespace baton
