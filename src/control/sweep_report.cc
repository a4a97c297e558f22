#include "control/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/csv.h"
#include "base/text.h"
#include "control/sweep_tuner.h"
#include "model/sweep_params.h"

namespace baton {
namespace {

std::string time_text(int64_t ms) { return ms > 0 ? iso_time_ms(ms) : ""; }

const Json* value_of(const Params& params, const std::string& name) {
  for (const auto& [known, value] : params)
    if (known == name) return &value;
  return nullptr;
}

// The columns beside the parameters, which stand between the two.
const char* const kFirstColumns[] = {"trial", "state", "value"};
const char* const kLastColumns[] = {"job",       "attempts", "ran_ms",    "asked_at",
                                    "closed_at", "reason",   "last_step", "last_report"};

// What comes first keeps its name: the fixed columns, then the parameters in their order.
std::vector<std::string> csv_columns(const std::vector<Dimension>& dimensions) {
  std::set<std::string> taken(std::begin(kFirstColumns), std::end(kFirstColumns));
  taken.insert(std::begin(kLastColumns), std::end(kLastColumns));
  std::vector<std::string> columns(std::begin(kFirstColumns), std::end(kFirstColumns));
  for (const auto& dimension : dimensions) {
    std::string column = dimension.name;
    while (!taken.insert(column).second) column = "params." + column;
    columns.push_back(column);
  }
  columns.insert(columns.end(), std::begin(kLastColumns), std::end(kLastColumns));
  return columns;
}

bool has_value(const SweepTrial& trial) {
  return trial.state == SweepTrial::State::closed && trial.value.has_value();
}

std::string last_report_text(const SweepTrial& trial) {
  if (trial.reports.empty()) return ",";
  const auto& [step, value] = trial.reports.back();
  return fmt::format("{},{}", step, dump_json(Json(value)));
}

}  // namespace

std::string short_number(double value) { return fmt::format("{:.6g}", value); }

std::string params_text(const Params& params) {
  std::string text;
  for (const auto& [name, value] : params) {
    if (!text.empty()) text += ' ';
    text += name + "=" +
            (value.is_number_float() ? short_number(value.get<double>())
             : value.is_string()     ? value.get<std::string>()
                                     : dump_json(value));
  }
  return printable(text);
}

Status add_open_attempts(Ledger& ledger, SweepState& state) {
  for (uint64_t number : state.open) {
    SweepTrial& trial = state.trials[number - 1];
    auto job = ledger.open(trial.job);
    if (job.is(Code::not_found)) continue;  // asked for, and not made yet
    if (!job.ok()) return job.error();
    trial.attempts = job->summary().attempt;
    trial.ran_ms = job->summary().ran_ms;
  }
  return {};
}

std::string trial_state_text(const SweepState& state, const SweepTrial& trial) {
  bool waits = trial.state != SweepTrial::State::closed && trial.state != SweepTrial::State::paused;
  return state.ended && waits && trial.attempts > 0 ? "interrupted" : trial_state_name(trial);
}

Json describe_trial(const SweepState& state, uint64_t number) {
  const SweepTrial& trial = state.trial(number);
  Json json{{"trial", number},
            {"state", trial_state_text(state, trial)},
            {"value", trial.value ? Json(*trial.value) : Json()},
            {"params", params_object(trial.params)},
            {"job", trial.job},
            {"attempts", trial.attempts},
            {"ran_ms", trial.ran_ms},
            {"asked_at", time_text(trial.asked_ms)},
            {"closed_at", time_text(trial.closed_ms)},
            {"reason", trial.reason}};
  if (trial.parent) json["parent"] = trial.parent;
  if (!trial.reports.empty()) {
    const auto& [last, reported] = trial.reports.back();
    json["last_report"] = {{"step", last}, {"value", reported}};
    Json& reports = json["reports"] = Json::array();
    for (const auto& [step, value] : trial.reports) reports.push_back(Json::array({step, value}));
  }
  return json;
}

Json describe_sweep(const Sweep& sweep, const SweepState& state, int64_t now_ms,
                    const std::vector<Importance>& importance) {
  SweepLine line = sweep_line(sweep, state);
  Json json{{"id", line.id},
            {"name", line.name},
            {"state", line.state},
            {"abandoned", line.abandoned},
            {"reason", state.reason},
            {"stop_requested", state.stop_requested},
            {"trials", line.trials},
            {"max_trials", line.max_trials},
            {"parallel", state.parallel},
            {"open", state.open.size()},
            {"paused", state.paused},
            {"closed", Json::object()},
            {"used_ms", line.abandoned ? state.used_ms : used_ms_at(state, now_ms)},
            {"created_at", time_text(state.created_ms)},
            {"changed_at", time_text(state.changed_ms)},
            {"best", state.best ? describe_trial(state, *state.best) : Json()},
            {"importance", Json::object()},
            {"warm_points", sweep.warm.size()},
            {"spec_file", sweep.base.spec_file},
            {"spec", spec_to_json(sweep.base.spec)}};
  for (auto outcome :
       {TrialOutcome::value, TrialOutcome::pruned, TrialOutcome::failed, TrialOutcome::stopped})
    json["closed"][trial_outcome_name(outcome)] = state.counts[static_cast<size_t>(outcome)];
  for (const auto& one : importance) json["importance"][one.name] = one.share;
  if (state.driver) json["driver"] = {{"host", state.driver->host}, {"pid", state.driver->pid}};
  return json;
}

std::string trials_csv(const Sweep& sweep, const SweepState& state) {
  const auto& dimensions = sweep.spec().space.dimensions;
  std::vector<std::string> columns;
  for (const auto& column : csv_columns(dimensions)) columns.push_back(csv_field(column));
  std::string text = fmt::format("{}\n", fmt::join(columns, ","));
  for (size_t i = 0; i < state.trials.size(); ++i) {
    const SweepTrial& trial = state.trials[i];
    text += fmt::format("{},{},{}", i + 1, trial_state_text(state, trial),
                        trial.value ? dump_json(Json(*trial.value)) : "");
    for (const auto& dimension : dimensions) {
      const Json* value = value_of(trial.params, dimension.name);
      text += "," + (value ? csv_field(param_text(*value)) : "");
    }
    text += fmt::format(",{},{},{},{},{},{},{}\n", trial.job, trial.attempts, trial.ran_ms,
                        time_text(trial.asked_ms), time_text(trial.closed_ms),
                        csv_field(trial.reason), last_report_text(trial));
  }
  return text;
}

std::optional<double> paused_value(const SweepTrial& trial, const SweepSpec& spec) {
  if (trial.state != SweepTrial::State::paused) return std::nullopt;
  return reported_value(trial, spec);
}

Result<std::vector<Importance>> sweep_importance(const Sweep& sweep, const SweepState& state) {
  if (sweep.spec().metric.empty()) return std::vector<Importance>();
  SweepSpec spec = sweep.spec();
  spec.method = "random";  // whatever chose them: importance is a matter of the trials alone
  spec.acquisition.clear();
  spec.stop_early.reset();
  BATON_ASSIGN(auto tuner, make_sweep_tuner(spec, 0));
  for (const auto& point : sweep.warm) BATON_TRY(tuner->add(point.params, point.value));
  for (const auto& trial : state.trials) {
    auto value = has_value(trial) ? trial.value : paused_value(trial, sweep.spec());
    if (value) BATON_TRY(tuner->add(trial.params, *value));
  }
  return tuner->importance();
}

std::vector<uint64_t> ranked(const Sweep& sweep, const SweepState& state) {
  std::vector<uint64_t> trials;
  for (size_t i = 0; i < state.trials.size(); ++i)
    if (has_value(state.trials[i])) trials.push_back(i + 1);
  bool maximize = sweep.spec().maximize;
  std::stable_sort(trials.begin(), trials.end(), [&](uint64_t a, uint64_t b) {
    double left = *state.trial(a).value, right = *state.trial(b).value;
    if (left == right) return a == state.best && b != state.best;
    return maximize ? left > right : left < right;
  });
  return trials;
}

std::vector<double> best_so_far(const Sweep& sweep, const SweepState& state) {
  std::vector<const SweepTrial*> closed;
  for (const auto& trial : state.trials)
    if (has_value(trial)) closed.push_back(&trial);
  std::stable_sort(closed.begin(), closed.end(), [](const SweepTrial* a, const SweepTrial* b) {
    return a->closed_ms < b->closed_ms;
  });
  std::vector<double> best;
  for (const SweepTrial* trial : closed) {
    double value = *trial->value;
    if (!best.empty())
      value = sweep.spec().maximize ? std::max(value, best.back()) : std::min(value, best.back());
    best.push_back(value);
  }
  return best;
}

}  // namespace baton
