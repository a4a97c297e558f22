// sweep.json, and the jobs that are made from it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/sweep.h"
#include "model/sweep_params.h"

namespace baton {
namespace {

constexpr size_t kMaxWarm = 100'000;

Error corrupt(const std::string& what, const std::string& why) {
  return {Code::corrupt, what + ": " + why, ""};
}

Result<std::vector<WarmPoint>> read_warm(const Json& json, const std::string& what) {
  std::vector<WarmPoint> points;
  auto found = json.find("warm");
  if (found == json.end()) return points;
  if (!found->is_array() || found->size() > kMaxWarm)
    return corrupt(what, "\"warm\" is not a list of points");
  for (const Json& entry : *found) {
    WarmPoint point;
    if (!entry.is_object() || !entry.contains("value") || !entry["value"].is_number())
      return corrupt(what, "\"warm\" holds something that is no point");
    point.value = entry["value"].get<double>();
    if (!std::isfinite(point.value)) return corrupt(what, "\"warm\" holds no finite value");
    BATON_ASSIGN(point.params, read_params_object(entry, what));
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace

Json params_object(const Params& params) {
  Json json = Json::object();
  for (const auto& [name, value] : params) json[name] = value;
  return json;
}

Result<Params> read_params_object(const Json& holder, const std::string& what) {
  auto found = holder.find("params");
  if (found == holder.end() || !found->is_object())
    return corrupt(what, "\"params\" is missing or no object");
  Params params;
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string() && !value.is_boolean() && !value.is_number())
      return corrupt(what, "\"params\" holds something that is no value");
    params.emplace_back(name, value);
  }
  return params;
}

std::string encode_sweep(const Sweep& sweep) {
  auto json = parse_json(encode_job(sweep.base), "the sweep");
  Json record = json.ok() ? *json : Json::object();
  Json warm = Json::array();
  for (const auto& point : sweep.warm)
    warm.push_back({{"params", params_object(point.params)}, {"value", point.value}});
  if (!warm.empty()) record["warm"] = std::move(warm);
  return pretty_json(record);
}

Result<Sweep> decode_sweep(std::string_view text, const std::string& what) {
  Sweep sweep;
  BATON_ASSIGN(sweep.base, decode_job(text, what));
  if (!sweep.base.spec.sweep) return corrupt(what, "\"spec\" has no sweep");
  BATON_ASSIGN(Json json, parse_json(text, what));
  BATON_ASSIGN(sweep.warm, read_warm(json, what));
  return sweep;
}

Result<Job> trial_job(const Sweep& sweep, uint64_t number, const SweepTrial& trial) {
  Job job = sweep.base;
  job.id = trial.job;
  job.nonce = trial.nonce;
  job.created_ms = trial.asked_ms;
  job.sweep = sweep.base.id;
  job.trial = number;
  job.starts = trial.parent != 0;
  job.spec.sweep.reset();
  for (const auto& [name, value] : trial.params) {
    auto there = std::find_if(job.spec.params.begin(), job.spec.params.end(),
                              [&, &key = name](const auto& param) { return param.first == key; });
    if (there != job.spec.params.end())
      there->second = value;
    else
      job.spec.params.emplace_back(name, value);
  }
  BATON_ASSIGN(job.argv, resolve_command(job.spec));
  return job;
}

}  // namespace baton
