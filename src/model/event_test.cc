#include "model/event.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

Event full_event(EventType type) {
  Event event;
  event.number = 7;
  event.type = type;
  event.nonce = "0123456789abcdefghjkmnpqrs";
  event.at_ms = 1'795'311'262'123;
  event.attempt = 3;
  event.agent = "agentnonce";
  event.host = "machine";
  event.boot = "b00t";
  event.machine = "0123456789abcdef";
  event.pid = 4711;
  event.pid_start = 99;
  event.metrics_from = 12345;
  event.commit = "00000012-3";
  event.commit_hash = std::string(64, 'c');
  event.commit_bytes = UINT64_MAX;
  event.commit_new_bytes = 5;
  event.commit_ms = 17;
  event.source = "aws";
  event.deadline_in_ms = 120'000;
  event.reason = "spot interruption: \"terminate\"";
  event.outcome = type == EventType::ended ? Outcome::oom : Outcome::succeeded;
  event.exit_code = 137;
  event.exit_signal = 9;
  event.peak_memory = 1ull << 40;
  event.ran_ms = 60'000;
  event.code_object = "code/aa/" + std::string(64, 'a');
  event.name = "fashion-cnn";
  return event;
}

Json as_json(const Event& event) { return parse_json(encode_event(event), "event").value(); }

bool corrupt_with(const Event& event, const char* key, const Json& value) {
  Json json = as_json(event);
  json[key] = value;
  return decode_event(dump_json(json), "event").is(Code::corrupt);
}

TEST(Event, EveryMemberRoundTrips) {
  for (EventType type : {EventType::claimed, EventType::started, EventType::committed,
                         EventType::noticed, EventType::ended}) {
    Event event = full_event(type);
    auto read = decode_event(encode_event(event), "event");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(encode_event(*read), encode_event(event));
    EXPECT_EQ(read->type, type);
    EXPECT_EQ(read->commit_bytes, UINT64_MAX);
    EXPECT_EQ(read->deadline_in_ms, 120'000);
    EXPECT_EQ(read->reason, event.reason);
    EXPECT_EQ(read->outcome, event.outcome);
    EXPECT_EQ(read->peak_memory, 1ull << 40);
  }
  for (EventType type : {EventType::created, EventType::stop_requested,
                         EventType::preempt_requested, EventType::resumed}) {
    Event event = full_event(type);
    event.attempt = 0;
    auto read = decode_event(encode_event(event), "event");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(encode_event(*read), encode_event(event));
  }
}

TEST(Event, DefaultsAreLeftOutAndComeBack) {
  Event event;
  event.number = 2;
  event.type = EventType::started;
  event.nonce = "n";
  event.at_ms = 0;
  event.attempt = 1;
  EXPECT_EQ(encode_event(event),
            "{\"number\":2,\"type\":\"started\",\"nonce\":\"n\",\"at_ms\":0,\"attempt\":1}\n");
  EXPECT_EQ(decode_event(encode_event(event), "event")->deadline_in_ms, -1);
}

TEST(Event, LongReasonsAreCutBetweenCharacters) {
  Event event = full_event(EventType::ended);
  event.reason = "x";
  for (int i = 0; i < 3000; ++i) event.reason += "ä";
  auto read = decode_event(encode_event(event), "event");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->reason, event.reason.substr(0, 3999));
}

TEST(Event, UnknownMembersAreIgnoredAndUnknownTypesAreTooNew) {
  Json json = as_json(full_event(EventType::ended));
  json["later"] = Json::object();
  EXPECT_TRUE(decode_event(dump_json(json), "event").ok());
  json["outcome"] = "evaporated";
  EXPECT_TRUE(decode_event(dump_json(json), "event").is(Code::too_new));
  json["type"] = "sealed";
  EXPECT_TRUE(decode_event(dump_json(json), "event").is(Code::too_new));
}

TEST(Event, RefusesHostileMembers) {
  Event claimed = full_event(EventType::claimed), committed = full_event(EventType::committed);
  EXPECT_TRUE(corrupt_with(claimed, "number", 0));
  EXPECT_TRUE(corrupt_with(claimed, "number", -1));
  EXPECT_TRUE(corrupt_with(claimed, "number", 100'000'000));
  EXPECT_TRUE(corrupt_with(claimed, "number", "7"));
  EXPECT_TRUE(corrupt_with(claimed, "nonce", ""));
  EXPECT_TRUE(corrupt_with(claimed, "nonce", "../x"));
  EXPECT_TRUE(corrupt_with(claimed, "at_ms", 1.5));
  EXPECT_TRUE(corrupt_with(claimed, "attempt", 0));
  EXPECT_TRUE(corrupt_with(claimed, "attempt", 1'000'000));
  EXPECT_TRUE(corrupt_with(claimed, "attempt", UINT64_MAX));
  EXPECT_TRUE(corrupt_with(claimed, "agent", ""));
  EXPECT_TRUE(corrupt_with(claimed, "metrics_from", 1'000'000'000'000));
  EXPECT_TRUE(corrupt_with(claimed, "ran_ms", INT64_MAX));
  EXPECT_TRUE(corrupt_with(claimed, "host", std::string(300, 'h')));
  EXPECT_TRUE(corrupt_with(committed, "commit", "00000012-4"));
  EXPECT_TRUE(corrupt_with(committed, "commit", "../../x-3"));
  EXPECT_TRUE(corrupt_with(committed, "commit_hash", "abc"));
  EXPECT_TRUE(corrupt_with(full_event(EventType::ended), "exit_code", 256));
  Event created = full_event(EventType::created);
  EXPECT_TRUE(decode_event(encode_event(created), "x").is(Code::corrupt)) << "attempt of created";
  created.attempt = 0;
  EXPECT_TRUE(corrupt_with(created, "name", "a~b"));
  EXPECT_TRUE(corrupt_with(created, "name", ""));
  for (const char* text :
       {"", "{}", "[]", "null", "{\"type\":\"created\"}", "{\"type\":[]}", "\xff\xfe"})
    EXPECT_TRUE(decode_event(text, "x").is(Code::corrupt)) << text;
  EXPECT_TRUE(decode_event(std::string(100'000, '['), "x").is(Code::corrupt));
}

TEST(Event, CommitNames) {
  EXPECT_EQ(parse_commit_name("00000012-3")->seq, 12u);
  EXPECT_EQ(parse_commit_name("00000012-3")->attempt, 3);
  EXPECT_EQ(parse_commit_name("99999999-999999")->attempt, 999999);
  for (const char* name :
       {"", "-", "12-3", "00000000-1", "00000001-0", "00000001-", "00000001--1", "00000001-01",
        "00000001-1x", "0000000x-1", "000000001-1", "00000001-1000000", "+0000001-1"})
    EXPECT_FALSE(parse_commit_name(name)) << name;
}

}  // namespace
}  // namespace baton
