#include <algorithm>
#include <cmath>

#include "tune/importance.h"
#include "tune/trials.h"

namespace baton {
namespace {

Suggestion suggestion_of(const Trial& trial) {
  return {trial.id, trial.params, trial.resumed, trial.parent, trial.until};
}

Error not_open(const TrialTable& table, uint64_t id) {
  const Trial* trial = table.find(id);
  const std::string name = "trial " + std::to_string(id);
  if (!trial) {
    return {Code::invalid, "there is no " + name, "use an id that an earlier ask has given"};
  }
  const char* why = trial->state == Trial::State::failed      ? "has already failed"
                    : trial->state == Trial::State::forgotten ? "was taken back"
                                                              : "is already closed";
  return {Code::invalid, name + " " + why, "each trial is closed once"};
}

// The same values in the form and the order in which ask() gives them: 3 for an integer's 3.0.
Params as_suggested(const Space& space, const Params& params) {
  Params suggested;
  for (const Dimension& dimension : space.dimensions)
    if (const Json* value = find_param(params, dimension.name))
      suggested.emplace_back(dimension.name, standard_value(dimension, *value));
  return suggested;
}

}  // namespace

MethodTuner::MethodTuner(Space space, TuneOptions options)
    : table_(std::move(space), std::move(options)) {}

Result<Suggestion> MethodTuner::ask() {
  BATON_ASSIGN(Proposal proposal, propose());
  return give_out(proposal);
}

Result<Suggestion> MethodTuner::ask_paused() {
  BATON_ASSIGN(Proposal proposal, propose_paused());
  return give_out(proposal);
}

Result<MethodTuner::Proposal> MethodTuner::propose_paused() {
  return Error{Code::not_found, "no paused trial is to go on", ""};
}

void MethodTuner::extend(uint64_t trials) {
  TuneOptions& options = table_.options_;
  if (!options.trials_at_first) options.trials_at_first = options.trials;
  options.trials = trials;
}

Suggestion MethodTuner::give_out(const Proposal& proposal) {
  ++table_.asks_;
  if (proposal.resume) {
    Trial& trial = table_.trials_[proposal.resume - 1];
    trial.state = Trial::State::open;
    trial.resumed = true;
    trial.until = proposal.until;
    return suggestion_of(trial);
  }
  Trial trial;
  trial.id = table_.trials_.size() + 1;
  trial.params = table_.codec_.decode(proposal.point);
  trial.point = table_.codec_.encode(trial.params);
  trial.parent = proposal.parent;
  trial.until = proposal.until;
  return suggestion_of(table_.append(std::move(trial)));
}

Status MethodTuner::tell(uint64_t id, double value) {
  if (!std::isfinite(value)) return fail(id);
  return settle(id, Trial::State::done, table_.cost_of(value));
}

Status MethodTuner::fail(uint64_t id) { return settle(id, Trial::State::failed, 0); }

Status MethodTuner::settle(uint64_t id, Trial::State state, double cost) {
  if (Trial* trial = table_.find_open(id)) {
    table_.close(*trial, state, cost);
    on_closed(*trial);
    return {};
  }
  Trial* trial = table_.find_stopped(id);
  if (!trial) return not_open(table_, id);
  trial->stopped = false;
  if (trial->state == state && trial->cost == cost) return {};
  // Its place in the order of closing stays.
  trial->cost = cost;
  if (state == Trial::State::forgotten)
    table_.take_back(*trial);
  else
    trial->state = state;
  on_revised(*trial);
  return {};
}

Status MethodTuner::stop(uint64_t id) {
  Trial* trial = table_.find_open(id);
  if (!trial) return not_open(table_, id);
  if (trial->reports.empty())
    return Error{Code::invalid, "trial " + std::to_string(id) + " has reported nothing",
                 "tell its value, or that it failed"};
  stop(*trial);
  return {};
}

void MethodTuner::stop(Trial& trial) {
  table_.close(trial, Trial::State::done, trial.reports.back().second);
  trial.stopped = true;
  on_closed(trial);
}

Status MethodTuner::forget(uint64_t id) {
  if (table_.find_stopped(id)) return settle(id, Trial::State::forgotten, 0);
  Trial* trial = table_.find_open(id);
  if (!trial) return not_open(table_, id);
  if (trial->resumed && trial->state == Trial::State::open) {
    trial->state = Trial::State::paused;
    return {};
  }
  table_.take_back(*trial);
  on_closed(*trial);
  return {};
}

Result<Verdict> MethodTuner::report(uint64_t id, int64_t step, double value) {
  const Trial* known = table_.find(id);
  if (known && known->state == Trial::State::done) return Verdict::stop;
  if (known && known->state == Trial::State::paused) return Verdict::pause;
  Trial* trial = table_.find_open(id);
  if (!trial) return not_open(table_, id);
  if (step < 1) {
    return Error{Code::invalid, "step " + std::to_string(step) + " is not a step",
                 "steps are counted from 1"};
  }
  if (!std::isfinite(value)) return Verdict::go_on;
  if (!trial->reports.empty() && step <= trial->reports.back().first) return Verdict::go_on;
  double cost = table_.cost_of(value);
  if (table_.options_.best && !trial->reports.empty())
    cost = std::min(cost, trial->reports.back().second);
  trial->reports.emplace_back(step, cost);
  const Verdict verdict = judge(*trial);
  if (verdict == Verdict::pause) trial->state = Trial::State::paused;
  if (verdict == Verdict::stop) stop(*trial);
  return verdict;
}

Status MethodTuner::add(const Params& params, double value) {
  BATON_TRY(check_params(table_.codec_.space(), params));
  if (!std::isfinite(value)) {
    return Error{Code::invalid, "the value of a known point must be finite",
                 "leave failed points out"};
  }
  Trial trial;
  trial.id = table_.trials_.size() + 1;
  trial.params = as_suggested(table_.codec_.space(), params);
  trial.point = table_.codec_.encode(trial.params);
  trial.added = true;
  table_.close(trial, Trial::State::done, table_.cost_of(value));
  on_closed(table_.append(std::move(trial)));
  return {};
}

std::optional<Best> MethodTuner::best() const {
  const Trial* best = table_.best();
  if (!best) return std::nullopt;
  return Best{best->id, best->params, table_.value_of(best->cost)};
}

std::vector<Suggestion> MethodTuner::pending() const {
  std::vector<Suggestion> pending;
  for (const Trial* trial : table_.open()) pending.push_back(suggestion_of(*trial));
  return pending;
}

std::vector<Importance> MethodTuner::importance() const { return parameter_importance(table_); }

}  // namespace baton
