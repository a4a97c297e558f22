#include "ledger/sweeps.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/keys.h"

namespace baton {
namespace {

constexpr uint64_t kMaxHint = 256ull << 20;
constexpr size_t kShownCandidates = 6;

Error no_sweep(const std::string& word) {
  return {Code::not_found, "there is no sweep " + printable(word),
          "baton sweep ls lists all sweeps"};
}

std::string_view last_part(std::string_view id) { return id.substr(id.rfind('-') + 1); }

Json summary_json(const SweepHistory& history) {
  SweepLine line = sweep_line(history.sweep(), history.state());
  Json json{
      {"name", line.name},     {"state", line.state},           {"metric", line.metric},
      {"trials", line.trials}, {"max_trials", line.max_trials}, {"closed", line.closed},
      {"failed", line.failed}, {"running", line.running},       {"events", history.state().events}};
  if (line.best) json["best"] = *line.best;
  if (const auto& driver = history.state().driver) {
    json["host"] = driver->host;
    json["boot"] = driver->boot;
    json["machine"] = driver->machine;
    json["pid"] = driver->pid;
    json["pid_start"] = driver->pid_start;
  }
  return json;
}

}  // namespace

bool driver_is_gone(const SweepEvent& claimed) {
  Event event;
  event.host = claimed.host;
  event.boot = claimed.boot;
  event.machine = claimed.machine;
  event.pid = claimed.pid;
  event.pid_start = claimed.pid_start;
  return owner_is_gone(event);
}

SweepLine sweep_line(const Sweep& sweep, const SweepState& state) {
  SweepLine line;
  line.id = sweep.base.id;
  line.name = sweep.base.spec.name;
  line.state = state.ended    ? sweep_outcome_name(state.outcome)
               : state.driver ? "running"
                              : "pending";
  line.abandoned = state.driver && driver_is_gone(*state.driver);
  line.metric = sweep.spec().metric;
  line.trials = static_cast<int>(state.trials.size());
  line.max_trials = state.max_trials;
  line.closed = state.closed();
  line.failed = state.counts[static_cast<size_t>(TrialOutcome::failed)];
  line.running = state.driver ? static_cast<int>(state.open.size()) : 0;
  if (state.best) line.best = state.trial(*state.best).value;
  return line;
}

Status SweepLedger::add_sweep(const Sweep& sweep) {
  const std::string bytes = encode_sweep(sweep);
  BATON_TRY(decode_sweep(bytes, "the sweep's record"));  // what cannot be read back is not written
  if (bytes.size() > kMaxSweepBytes)
    return Error{Code::invalid, "the sweep's record would be too large", "make the spec smaller"};
  Status created = store_.create(sweep_key(sweep.base.id), bytes);
  if (!created.is(Code::exists)) return created;
  BATON_ASSIGN(std::string there, store_.get(sweep_key(sweep.base.id), kMaxSweepBytes));
  return there == bytes ? Status() : created;
}

Status SweepLedger::add_created(const Sweep& sweep, const std::string& code_object) {
  SweepHistory history(store_, sweep);
  SweepEvent created;
  created.type = SweepEventType::created;
  created.nonce = sweep.base.nonce;
  created.name = sweep.base.spec.name;
  created.code_object = code_object;
  auto appended = history.append(created, clock_.wall_ms(), [&](const SweepState&) {
    return Error{Code::exists, "sweep " + sweep.base.id + " exists already", ""};
  });
  return appended.ok() ? Status() : Status(appended.error());
}

Result<SweepHistory> SweepLedger::open(const std::string& id, SweepHistory::Listener listener) {
  if (!is_job_id(id)) return no_sweep(id);
  const std::string what = "the record of sweep " + id;
  auto bytes = store_.get(sweep_key(id), kMaxSweepBytes);
  if (bytes.is(Code::not_found)) return no_sweep(id);
  if (bytes.is(Code::invalid)) return Error{Code::corrupt, what + " is too large to be one", ""};
  if (!bytes.ok()) return bytes.error();
  BATON_ASSIGN(Sweep sweep, decode_sweep(*bytes, what));
  if (sweep.base.id != id)
    return Error{Code::corrupt, what + " is that of sweep " + sweep.base.id, ""};
  // Listed before it is read: what comes in between makes no gap.
  BATON_ASSIGN(uint64_t last, last_listed_event(store_, sweep_events_prefix(id)));
  SweepHistory history(store_, std::move(sweep));
  history.on_event(std::move(listener));
  BATON_TRY(history.refresh());
  const uint64_t read = history.state().events;
  if (read < last)
    return Error{
        Code::corrupt,
        fmt::format("event {} of sweep {} is missing, event {} is there", read + 1, id, last),
        "baton store check tells more"};
  if (read == 0) return no_sweep(id);
  return history;
}

Result<std::vector<std::string>> SweepLedger::ids() {
  std::vector<std::string> found;
  BATON_TRY(for_each_object(store_, "sweeps/", {.limit = 10'000, .directories = true},
                            [&](const ObjectInfo& entry) {
                              auto parts = split(entry.key, '/');
                              if (parts.size() == 3 && is_job_id(parts[1]))
                                found.push_back(parts[1]);
                              return true;
                            }));
  std::reverse(found.begin(), found.end());
  return found;
}

Result<bool> SweepLedger::exists(const std::string& id) {
  for (const std::string& key : {sweep_event_key(id, 1), sweep_key(id)}) {
    auto head = store_.head(key);
    if (head.is(Code::not_found)) return false;
    if (!head.ok()) return head.error();
  }
  return true;
}

// Of one whose record is damaged too, so that it is found and told of; "" when nothing names it.
std::string SweepLedger::name_of(const std::string& id) {
  auto bytes = store_.get(sweep_key(id), kMaxSweepBytes);
  auto sweep = bytes.ok() ? decode_sweep(*bytes, "sweep " + id) : Result<Sweep>(bytes.error());
  if (sweep.ok()) return sweep->base.spec.name;
  auto first = store_.get(sweep_event_key(id, 1), kMaxEventBytes);
  auto created =
      first.ok() ? decode_sweep_event(*first, "event 1") : Result<SweepEvent>(first.error());
  return created.ok() ? created->name : "";
}

Result<std::string> SweepLedger::resolve(const std::string& word) {
  if (is_job_id(word)) {
    BATON_ASSIGN(bool there, exists(word));
    if (there) return word;
  }
  BATON_ASSIGN(auto all, ids());
  std::vector<std::string> prefixed, words{"latest"};
  for (const std::string& id : all) {
    BATON_ASSIGN(bool there, exists(id));
    if (!there) continue;
    if (word == "latest") return id;
    const std::string name = name_of(id);
    if (!name.empty() && name == word) return id;
    if (!word.empty() && (starts_with(id, word) || starts_with(last_part(id), word)))
      prefixed.push_back(id);
    words.push_back(id);
    words.emplace_back(last_part(id));
    if (!name.empty()) words.push_back(name);
  }
  if (prefixed.size() == 1) return prefixed[0];
  if (prefixed.size() > 1) {
    if (prefixed.size() > kShownCandidates) prefixed.resize(kShownCandidates);
    return Error{
        Code::invalid,
        fmt::format("\"{}\" fits several sweeps: {}", printable(word), fmt::join(prefixed, ", ")),
        "give more of the id"};
  }
  if (words.size() == 1)
    return Error{Code::not_found, "there is no sweep yet", "`baton sweep SPEC` starts one"};
  Error error = no_sweep(word);
  if (auto near = did_you_mean(word, words)) error.hint = "did you mean " + *near + "?";
  return error;
}

SweepLine SweepLedger::line_of(const std::string& id) {
  SweepLine line;
  line.id = id;
  auto bytes = store_.get(sweep_hint_key(id, "summary"), kMaxHint);
  auto json = bytes.ok() ? parse_json(*bytes, "summary") : Result<Json>(bytes.error());
  if (!json.ok() || !json->is_object()) {
    auto history = open(id);
    if (history.ok()) return sweep_line(history->sweep(), history->state());
    line.problem = history.error().message;
    return line;
  }
  line.name = get_string(*json, "name");
  line.state = get_string(*json, "state");
  line.metric = get_string(*json, "metric");
  line.trials = static_cast<int>(get_int(*json, "trials"));
  line.max_trials = static_cast<int>(get_int(*json, "max_trials"));
  line.closed = static_cast<int>(get_int(*json, "closed"));
  line.failed = static_cast<int>(get_int(*json, "failed"));
  if (line.state == "running") line.running = static_cast<int>(get_int(*json, "running"));
  if (json->contains("best")) line.best = get_double(*json, "best");
  SweepEvent driver;
  driver.host = get_string(*json, "host");
  driver.boot = get_string(*json, "boot");
  driver.machine = get_string(*json, "machine");
  driver.pid = get_int(*json, "pid");
  driver.pid_start = static_cast<uint64_t>(get_int(*json, "pid_start"));
  line.abandoned = line.state == "running" && driver_is_gone(driver);
  if (!line.abandoned) return line;
  // Its last words may be missing from the hint.
  auto history = open(id);
  return history.ok() ? sweep_line(history->sweep(), history->state()) : line;
}

Result<std::vector<SweepLine>> SweepLedger::list(size_t limit) {
  BATON_ASSIGN(auto all, ids());
  std::vector<SweepLine> lines;
  for (const std::string& id : all) {
    if (lines.size() == limit) break;
    BATON_ASSIGN(bool there, exists(id));
    if (there) lines.push_back(line_of(id));
  }
  return lines;
}

Status SweepLedger::beat(const std::string& id, uint64_t number, const Json& content) {
  Json json = content;
  json["beat"] = new_nonce();
  return store_.put(sweep_beat_key(id, number), dump_json(json) + "\n");
}

Result<std::string> SweepLedger::read_beat(const std::string& id, uint64_t number) {
  auto bytes = store_.get(sweep_beat_key(id, number), kMaxEventBytes);
  return bytes.is(Code::not_found) ? Result<std::string>(std::string()) : bytes;
}

Status SweepLedger::put_summary(const SweepHistory& history) {
  return store_.put(sweep_hint_key(history.sweep().base.id, "summary"),
                    dump_json(summary_json(history)) + "\n");
}

Status SweepLedger::put_tuner(const std::string& id, const SweepState& state, const Json& saved) {
  Json json{{"events", state.events}, {"nonce", state.last_nonce}, {"tuner", saved}};
  return store_.put(sweep_hint_key(id, "tuner"), dump_json(json) + "\n");
}

std::optional<SweepLedger::SavedTuner> SweepLedger::read_tuner(const std::string& id) {
  auto bytes = store_.get(sweep_hint_key(id, "tuner"), kMaxHint);
  if (!bytes.ok()) return std::nullopt;
  auto json = parse_json(*bytes, "tuner");
  if (!json.ok() || !json->is_object() || !json->contains("tuner")) return std::nullopt;
  return SavedTuner{static_cast<uint64_t>(get_int(*json, "events")), get_string(*json, "nonce"),
                    (*json)["tuner"]};
}

Status SweepLedger::remove(const std::string& id) {
  // The record last but one and `created` after it: whoever looks in between finds no sweep.
  BATON_TRY(store_.remove(sweep_key(id)));
  std::vector<std::string> keys;
  BATON_TRY(for_each_object(store_, "sweeps/" + id + "/", {.limit = 10'000, .sizes = false},
                            [&](const ObjectInfo& object) {
                              keys.push_back(object.key);
                              return true;
                            }));
  for (const auto& key : keys) BATON_TRY(store_.remove(key));
  return {};
}

}  // namespace baton
