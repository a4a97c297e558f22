// What save() writes: {"version", "space", "options", "asks", "closed", "trials", "method"}.
// Numbers keep all their bits: JSON's shortest form reads back to the same double.
#include <algorithm>
#include <array>
#include <cmath>

#include "tune/options.h"
#include "tune/trials.h"

namespace baton {
namespace {

using State = Trial::State;
constexpr std::array<std::pair<State, const char*>, 5> kStates = {
    {{State::open, "open"},
     {State::paused, "paused"},
     {State::done, "done"},
     {State::failed, "failed"},
     {State::forgotten, "forgotten"}}};

Json trial_to_json(const Trial& trial) {
  Json json = {{"params", Json::object()}};
  for (const auto& [name, value] : trial.params) json["params"][name] = value;
  const auto* state = std::find_if(kStates.begin(), kStates.end(),
                                   [&](const auto& one) { return one.first == trial.state; });
  json["state"] = state->second;
  if (trial.state == State::done) json["cost"] = trial.cost;
  if (trial.order) json["order"] = trial.order;
  if (trial.added) json["added"] = true;
  if (trial.resumed) json["resumed"] = true;
  if (trial.stopped) json["stopped"] = true;
  if (trial.parent) json["parent"] = trial.parent;
  if (trial.until) json["until"] = trial.until;
  if (!trial.reports.empty()) json["reports"] = trial.reports;
  return json;
}

Status read_reports(const Json& json, Trial& trial, const Error& bad) {
  if (!json.contains("reports")) return {};
  if (!json["reports"].is_array()) return bad;
  int64_t last = 0;
  for (const Json& report : json["reports"]) {
    const bool sound = report.is_array() && report.size() == 2 && report[0].is_number_integer() &&
                       report[1].is_number() && std::isfinite(report[1].get<double>()) &&
                       report[0].get<int64_t>() > last;
    if (!sound) return bad;
    last = report[0].get<int64_t>();
    trial.reports.emplace_back(last, report[1].get<double>());
  }
  return {};
}

Result<Trial> trial_from_json(const Json& json, uint64_t id, const Codec& codec) {
  const Error bad{Code::invalid, "trial " + std::to_string(id) + " of a saved tuner is damaged",
                  "load exactly what save wrote"};
  if (!json.is_object() || !json.contains("params") || !json["params"].is_object()) return bad;
  Trial trial;
  trial.id = id;
  for (const auto& [name, value] : json["params"].items()) trial.params.emplace_back(name, value);
  if (auto checked = check_params(codec.space(), trial.params); !checked.ok()) {
    return checked.error().within(bad.message);
  }
  trial.point = codec.encode(trial.params);
  const std::string name = get_string(json, "state");
  const auto* state = std::find_if(kStates.begin(), kStates.end(),
                                   [&](const auto& one) { return one.second == name; });
  if (state == kStates.end()) return bad;
  trial.state = state->first;
  trial.cost = get_double(json, "cost");
  const int64_t order = get_int(json, "order"), parent = get_int(json, "parent");
  trial.until = get_int(json, "until");
  if (!std::isfinite(trial.cost) || order < 0 || parent < 0 || trial.until < 0) return bad;
  trial.order = static_cast<uint64_t>(order);
  trial.parent = static_cast<uint64_t>(parent);
  trial.added = get_bool(json, "added");
  trial.resumed = get_bool(json, "resumed");
  trial.stopped = get_bool(json, "stopped");
  if (trial.stopped && trial.state != State::done) return bad;
  BATON_TRY(read_reports(json, trial, bad));
  return trial;
}

}  // namespace

Json TrialTable::save() const {
  Json json = {{"version", kSavedVersion},
               {"space", space_to_json(codec_.space())},
               {"options", options_to_json(options_)},
               {"asks", asks_},
               {"closed", closed_},
               {"trials", Json::array()}};
  for (const Trial& trial : trials_) json["trials"].push_back(trial_to_json(trial));
  return json;
}

Status TrialTable::load(const Json& saved) {
  const Error bad{Code::invalid, "this is not a saved tuner", "load exactly what save wrote"};
  const int64_t asks = get_int(saved, "asks", -1), closed = get_int(saved, "closed", -1);
  if (asks < 0 || closed < 0 || !saved.contains("trials") || !saved["trials"].is_array())
    return bad;
  for (const Json& json : saved["trials"]) {
    BATON_ASSIGN(Trial trial, trial_from_json(json, trials_.size() + 1, codec_));
    if (trial.order > static_cast<uint64_t>(closed)) return bad;
    append(std::move(trial));
  }
  asks_ = static_cast<uint64_t>(asks);
  closed_ = static_cast<uint64_t>(closed);
  return {};
}

Json MethodTuner::save() const {
  Json json = table_.save();
  json["method"] = save_method();
  return json;
}

Status MethodTuner::restore(const Json& saved) {
  BATON_TRY(table_.load(saved));
  return load_method(saved.contains("method") ? saved["method"] : Json::object());
}

}  // namespace baton
