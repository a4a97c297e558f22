// A sweep's events as JSON.
#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <limits>

#include "base/ids.h"
#include "base/text.h"
#include "model/event.h"
#include "model/fields.h"
#include "model/spec_rules.h"
#include "model/sweep.h"
#include "model/sweep_params.h"

namespace baton {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr int kMaxInt = std::numeric_limits<int>::max();
constexpr size_t kMaxReason = 4000;

const char* const kTypes[] = {"created", "claimed",        "asked", "reported", "paused",
                              "closed",  "stop_requested", "ended", "resumed"};
const char* const kTrialOutcomes[] = {"value", "pruned", "failed", "stopped"};
const char* const kSweepOutcomes[] = {"complete", "target", "time", "stopped", "failed"};

// The index of `word` in `names`, or -1.
template <size_t count>
int index_of(const char* const (&names)[count], const std::string& word) {
  for (size_t i = 0; i < count; ++i)
    if (word == names[i]) return static_cast<int>(i);
  return -1;
}

// As put_text() in event.cc: not cut in the middle of a character.
std::string clip(const std::string& text) {
  size_t end = std::min(text.size(), kMaxReason);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end);
}

void put_trial(Json& json, const SweepEvent& event) {
  json["trial"] = event.trial;
  if (event.type == SweepEventType::asked) {
    json["ask"] = event.ask;
    json["params"] = params_object(event.params);
    json["job"] = event.job;
    if (event.parent) json["parent"] = event.parent;
    if (event.until) json["until"] = event.until;
  }
  if (event.type == SweepEventType::closed) {
    json["outcome"] = trial_outcome_name(event.outcome);
    if (event.value) json["value"] = *event.value;
  }
  if (event.type == SweepEventType::closed || event.type == SweepEventType::paused) {
    json["ran_ms"] = event.ran_ms;
    json["attempts"] = event.attempts;
  }
}

void put_reports(Json& json, const SweepEvent& event) {
  Json& reports = json["reports"] = Json::array();
  for (const auto& one : event.reports)
    reports.push_back(Json::array({one.trial, one.step, one.value}));
  if (event.verdicts.empty()) return;
  Json& verdicts = json["verdicts"] = Json::array();
  for (const auto& [trial, stop] : event.verdicts)
    verdicts.push_back(Json::array({trial, stop ? "stop" : "pause"}));
}

void put_limits(Json& json, const SweepEvent& event) {
  if (event.trials) json["trials"] = *event.trials;
  if (event.parallel) json["parallel"] = *event.parallel;
  if (event.time_ms) json["time_ms"] = *event.time_ms;
  if (event.target) json["target"] = *event.target;
}

bool is_count(const Json& value) {
  return value.is_number_integer() && (value.is_number_unsigned() || value.get<int64_t>() >= 0);
}

void read_reports(const Json& json, Fields& fields, SweepEvent& event) {
  auto reports = json.find("reports");
  if (reports == json.end() || !reports->is_array()) return fields.fail("\"reports\" is no list");
  for (const Json& one : *reports) {
    bool good = one.is_array() && one.size() == 3 && is_count(one[0]) &&
                one[1].is_number_integer() && one[2].is_number();
    if (!good) return fields.fail("\"reports\" holds something that is no report");
    event.reports.push_back({one[0].get<uint64_t>(), one[1].get<int64_t>(), one[2].get<double>()});
  }
  auto verdicts = json.find("verdicts");
  if (verdicts == json.end()) return;
  if (!verdicts->is_array()) return fields.fail("\"verdicts\" is no list");
  for (const Json& one : *verdicts) {
    bool good = one.is_array() && one.size() == 2 && is_count(one[0]) &&
                (one[1] == "stop" || one[1] == "pause");
    if (!good) return fields.fail("\"verdicts\" holds something that is no verdict");
    event.verdicts.emplace_back(one[0].get<uint64_t>(), one[1] == "stop");
  }
}

std::optional<double> read_number(const Json& json, const char* key, Fields& fields) {
  auto found = json.find(key);
  if (found == json.end()) return std::nullopt;
  if (found->is_number() && std::isfinite(found->get<double>())) return found->get<double>();
  fields.fail(fmt::format("\"{}\" is no finite number", key));
  return std::nullopt;
}

void read_trial(const Json& json, Fields& fields, SweepEvent& event) {
  event.trial = fields.unsigned_integer("trial", kMaxTrial);
  event.ask = fields.unsigned_integer("ask");
  event.job = fields.text("job", 64);
  event.parent = fields.unsigned_integer("parent", kMaxTrial);
  event.until = fields.integer("until", 0, kMaxInt64);
  event.value = read_number(json, "value", fields);
  event.ran_ms = fields.integer("ran_ms", 0, kMaxInt64);
  event.attempts = static_cast<int>(fields.integer("attempts", 0, kMaxAttempt));
  if (event.type == SweepEventType::asked && !is_job_id(event.job))
    fields.fail("\"job\" is not a job's id");
}

void read_limits(const Json& json, Fields& fields, SweepEvent& event) {
  if (fields.has("trials")) event.trials = static_cast<int>(fields.integer("trials", 1, kMaxInt));
  if (fields.has("parallel"))
    event.parallel = static_cast<int>(fields.integer("parallel", 1, kMaxInt));
  if (fields.has("time_ms")) event.time_ms = fields.integer("time_ms", 1, kMaxInt64);
  event.target = read_number(json, "target", fields);
}

bool of_a_trial(SweepEventType type) {
  return type == SweepEventType::asked || type == SweepEventType::paused ||
         type == SweepEventType::closed;
}

}  // namespace

const char* sweep_event_name(SweepEventType type) { return kTypes[static_cast<size_t>(type)]; }
const char* trial_outcome_name(TrialOutcome outcome) {
  return kTrialOutcomes[static_cast<size_t>(outcome)];
}
const char* sweep_outcome_name(SweepOutcome outcome) {
  return kSweepOutcomes[static_cast<size_t>(outcome)];
}

std::string encode_sweep_event(const SweepEvent& event) {
  Json json;
  json["number"] = event.number;
  json["type"] = sweep_event_name(event.type);
  json["nonce"] = event.nonce;
  json["at_ms"] = event.at_ms;
  if (event.type == SweepEventType::created) {
    json["code_object"] = event.code_object;
    json["name"] = event.name;
  }
  if (event.type == SweepEventType::claimed) {
    json["agent"] = event.agent;
    json["host"] = event.host;
    json["boot"] = event.boot;
    if (!event.machine.empty()) json["machine"] = event.machine;
    json["pid"] = event.pid;
    json["pid_start"] = event.pid_start;
  }
  if (of_a_trial(event.type)) put_trial(json, event);
  if (event.type == SweepEventType::reported) put_reports(json, event);
  if (event.type == SweepEventType::ended) json["outcome"] = sweep_outcome_name(event.end);
  if (event.type == SweepEventType::resumed) put_limits(json, event);
  if (!event.reason.empty()) json["reason"] = clip(event.reason);
  return dump_json(json) + "\n";
}

Result<SweepEvent> decode_sweep_event(std::string_view text, const std::string& what) {
  BATON_ASSIGN(Json json, parse_json(text, what));
  Fields fields(json, what);
  SweepEvent event;
  std::string type = fields.text("type", 64), outcome = fields.text("outcome", 64);
  BATON_TRY(fields.status());
  int known = index_of(kTypes, type);
  if (known < 0)
    return Error{
        Code::too_new,
        fmt::format("{} is of a kind that this baton does not know: {}", what, printable(type)),
        "use the newer baton that wrote it"};
  event.type = static_cast<SweepEventType>(known);
  event.number = fields.unsigned_integer("number", kMaxEventNumber);
  event.nonce = fields.text("nonce", 64);
  event.at_ms = fields.integer("at_ms", 0, kMaxInt64);
  event.reason = fields.text("reason", kMaxReason);
  event.code_object = fields.text("code_object", 900);
  event.name = fields.text("name", 63);
  event.agent = fields.text("agent", 64);
  event.host = fields.text("host", 255);
  event.boot = fields.text("boot", 64);
  event.machine = fields.text("machine", 64);
  event.pid = fields.integer("pid", 0, kMaxInt64);
  event.pid_start = fields.unsigned_integer("pid_start");
  if (of_a_trial(event.type)) read_trial(json, fields, event);
  if (event.type == SweepEventType::asked) {
    BATON_ASSIGN(event.params, read_params_object(json, what));
  }
  if (event.type == SweepEventType::reported) read_reports(json, fields, event);
  if (event.type == SweepEventType::resumed) read_limits(json, fields, event);
  bool of_trial = event.type == SweepEventType::closed;
  bool of_sweep = event.type == SweepEventType::ended;
  int ending = of_trial ? index_of(kTrialOutcomes, outcome) : index_of(kSweepOutcomes, outcome);
  if ((of_trial || of_sweep) && ending < 0)
    return Error{Code::too_new,
                 fmt::format("{} has an outcome that this baton does not know: {}", what,
                             printable(outcome)),
                 "use the newer baton that wrote it"};
  if (of_trial) event.outcome = static_cast<TrialOutcome>(ending);
  if (of_sweep) event.end = static_cast<SweepOutcome>(ending);
  if (event.number == 0) fields.fail("\"number\" is missing");
  if (event.nonce.empty()) fields.fail("\"nonce\" is missing");
  if (event.type == SweepEventType::claimed && event.agent.empty())
    fields.fail("\"agent\" is missing");
  if (event.type == SweepEventType::created && !is_job_name(event.name))
    fields.fail("\"name\" is not a sweep's name");
  BATON_TRY(fields.status());
  return event;
}

}  // namespace baton
