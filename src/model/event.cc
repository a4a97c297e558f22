#include "model/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/hash.h"
#include "base/text.h"
#include "model/fields.h"
#include "model/job.h"

namespace baton {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxReason = 4000;
constexpr int64_t kMaxRanMs =
    1'000'000'000'000;  // 31 years; sums over all attempts cannot overflow

constexpr std::array kTypes{
    EventType::created,           EventType::claimed, EventType::started,
    EventType::committed,         EventType::noticed, EventType::stop_requested,
    EventType::preempt_requested, EventType::ended,   EventType::resumed};
constexpr std::array kOutcomes{Outcome::succeeded, Outcome::failed, Outcome::preempted,
                               Outcome::stopped,   Outcome::lost,   Outcome::timeout,
                               Outcome::oom};

bool of_an_attempt(EventType type) {
  return type == EventType::claimed || type == EventType::started || type == EventType::committed ||
         type == EventType::noticed || type == EventType::ended;
}

// At most `size` bytes, without cutting a UTF-8 character in two.
std::string clip(const std::string& text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

bool plain_word(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos;
}

void put_text(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}
template <class Number>
void put_number(Json& json, const char* key, Number value, Number normal = 0) {
  if (value != normal) json[key] = value;
}

void read_members(Fields& fields, Event& event) {
  event.number = fields.unsigned_integer("number", kMaxEventNumber);
  event.nonce = fields.text("nonce", 64);
  event.at_ms = fields.integer("at_ms", -kMaxInt64, kMaxInt64);
  event.attempt = static_cast<int>(fields.integer("attempt", 0, kMaxAttempt));
  event.agent = fields.text("agent", 64);
  event.host = fields.text("host", 255);
  event.boot = fields.text("boot", 64);
  event.machine = fields.text("machine", 64);
  event.pid = fields.integer("pid", 0, kMaxInt64);
  event.pid_start = fields.unsigned_integer("pid_start");
  event.metrics_from = fields.unsigned_integer("metrics_from", kMaxStreamOffset);
  event.commit = fields.text("commit", 32);
  event.commit_hash = fields.text("commit_hash", 64);
  event.commit_bytes = fields.unsigned_integer("commit_bytes");
  event.commit_new_bytes = fields.unsigned_integer("commit_new_bytes");
  event.commit_ms = fields.integer("commit_ms", 0, kMaxInt64);
  event.source = fields.text("source", 255);
  event.deadline_in_ms =
      fields.has("deadline_in_ms") ? fields.integer("deadline_in_ms", -1, kMaxInt64) : -1;
  event.reason = fields.text("reason", kMaxReason);
  event.exit_code = static_cast<int>(fields.integer("exit_code", 0, 255));
  event.exit_signal = static_cast<int>(fields.integer("exit_signal", 0, 127));
  event.peak_memory = fields.unsigned_integer("peak_memory");
  event.ran_ms = fields.integer("ran_ms", 0, kMaxRanMs);
  event.code_object = fields.text("code_object", 900);
  event.name = fields.text("name", 80);
}

void check_members(Fields& fields, const Event& event) {
  if (event.number == 0) fields.fail("\"number\" is missing");
  if (!plain_word(event.nonce)) fields.fail("\"nonce\" is not one");
  if (!fields.has("at_ms")) fields.fail("\"at_ms\" is missing");
  if (of_an_attempt(event.type) != (event.attempt > 0))
    fields.fail(
        fmt::format("a {} event of attempt {}", event_type_name(event.type), event.attempt));
  if (event.type == EventType::claimed && event.agent.empty()) fields.fail("\"agent\" is missing");
  if (event.type == EventType::created && !is_listed_name(event.name))
    fields.fail("\"name\" is not a job's name");
  if (event.type != EventType::committed) return;
  auto commit = parse_commit_name(event.commit);
  if (!commit || commit->attempt != event.attempt)
    fields.fail("\"commit\" is not the name of a commit of this attempt");
  if (!is_sha256_hex(event.commit_hash)) fields.fail("\"commit_hash\" is not a SHA-256");
}

}  // namespace

const char* event_type_name(EventType type) {
  switch (type) {
    case EventType::created:
      return "created";
    case EventType::claimed:
      return "claimed";
    case EventType::started:
      return "started";
    case EventType::committed:
      return "committed";
    case EventType::noticed:
      return "noticed";
    case EventType::stop_requested:
      return "stop_requested";
    case EventType::preempt_requested:
      return "preempt_requested";
    case EventType::ended:
      return "ended";
    case EventType::resumed:
      return "resumed";
  }
  return "";
}

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::succeeded:
      return "succeeded";
    case Outcome::failed:
      return "failed";
    case Outcome::preempted:
      return "preempted";
    case Outcome::stopped:
      return "stopped";
    case Outcome::lost:
      return "lost";
    case Outcome::timeout:
      return "timeout";
    case Outcome::oom:
      return "oom";
  }
  return "";
}

std::optional<CommitName> parse_commit_name(std::string_view name) {
  size_t dash = name.find('-');
  if (dash != 8 || name.size() > 8 + 1 + 6) return std::nullopt;
  CommitName commit;
  const char* end = name.data() + name.size();
  auto seq = std::from_chars(name.data(), name.data() + dash, commit.seq);
  auto attempt = std::from_chars(name.data() + dash + 1, end, commit.attempt);
  bool read = seq.ec == std::errc() && seq.ptr == name.data() + dash && attempt.ec == std::errc() &&
              attempt.ptr == end;
  bool canonical = read && name[dash + 1] != '0' && name[dash + 1] != '-' && commit.seq > 0;
  return canonical ? std::optional(commit) : std::nullopt;
}

std::string encode_event(const Event& event) {
  Json json;
  json["number"] = event.number;
  json["type"] = event_type_name(event.type);
  json["nonce"] = event.nonce;
  json["at_ms"] = event.at_ms;
  put_number(json, "attempt", event.attempt);
  put_text(json, "agent", event.agent);
  put_text(json, "host", clip(event.host, 255));
  put_text(json, "boot", event.boot);
  put_text(json, "machine", event.machine);
  put_number(json, "pid", event.pid);
  put_number(json, "pid_start", event.pid_start);
  put_number(json, "metrics_from", event.metrics_from);
  put_text(json, "commit", event.commit);
  put_text(json, "commit_hash", event.commit_hash);
  put_number(json, "commit_bytes", event.commit_bytes);
  put_number(json, "commit_new_bytes", event.commit_new_bytes);
  put_number(json, "commit_ms", event.commit_ms);
  put_text(json, "source", clip(event.source, 255));
  put_number(json, "deadline_in_ms", event.deadline_in_ms, int64_t{-1});
  put_text(json, "reason", clip(event.reason, kMaxReason));
  if (event.type == EventType::ended) json["outcome"] = outcome_name(event.outcome);
  put_number(json, "exit_code", event.exit_code);
  put_number(json, "exit_signal", event.exit_signal);
  put_number(json, "peak_memory", event.peak_memory);
  put_number(json, "ran_ms", std::min(event.ran_ms, kMaxRanMs));
  put_text(json, "code_object", event.code_object);
  put_text(json, "name", event.name);
  return dump_json(json) + "\n";
}

Result<Event> decode_event(std::string_view text, const std::string& what) {
  BATON_ASSIGN(Json json, parse_json(text, what));
  Fields fields(json, what);
  Event event;
  std::string type = fields.text("type", 64), outcome = fields.text("outcome", 64);
  BATON_TRY(fields.status());
  bool known = false, known_outcome = false;
  for (EventType candidate : kTypes)
    if (type == event_type_name(candidate)) event.type = candidate, known = true;
  for (Outcome candidate : kOutcomes)
    if (outcome == outcome_name(candidate)) event.outcome = candidate, known_outcome = true;
  if (type.empty()) fields.fail("\"type\" is missing");
  if (event.type == EventType::ended && outcome.empty()) fields.fail("\"outcome\" is missing");
  read_members(fields, event);
  BATON_TRY(fields.status());
  if (!known || (event.type == EventType::ended && !known_outcome))
    return Error{Code::too_new,
                 fmt::format("{} is of a kind that this baton does not know: {}", what,
                             printable(known ? outcome : type)),
                 "use the newer baton that wrote it"};
  check_members(fields, event);
  BATON_TRY(fields.status());
  return event;
}

}  // namespace baton
