#include "control/sweep_tuner.h"

#include <algorithm>
#include <climits>

#include "tune/stop_early.h"

namespace baton {
namespace {

TuneOptions tune_options(const SweepSpec& spec, int trials) {
  TuneOptions options;
  options.method = spec.method;
  options.goal = spec.maximize ? Goal::maximize : Goal::minimize;
  options.seed = spec.seed;
  options.acquisition = spec.acquisition;
  options.failures = spec.penalise ? Failures::penalise : Failures::exclude;
  options.trials = static_cast<uint64_t>(trials);
  options.parallel = spec.parallel;
  options.max_step = spec.max_step;
  options.min_step = spec.min_step;
  options.reduction = spec.reduction;
  options.best = spec.best;
  return options;
}

// An earlier baton may have rounded a value of the same level otherwise.
bool same_value(const Dimension& dimension, const Json& a, const Json& b) {
  if (dump_json(a) == dump_json(b)) return true;
  return count_values(dimension) > 0 && contains(dimension, a) && contains(dimension, b) &&
         level_of(dimension, a) == level_of(dimension, b);
}

// Of those that were suggested, whether they are what is recorded.
bool same_params(const Space& space, const Params& suggested, const Params& recorded) {
  if (suggested.size() != recorded.size()) return false;
  return std::all_of(space.dimensions.begin(), space.dimensions.end(), [&](const Dimension& one) {
    const Json *a = find_param(suggested, one.name), *b = find_param(recorded, one.name);
    return a && b ? same_value(one, *a, *b) : a == b;
  });
}

// How many trials were planned after so many events, as far as the method minds.
int planned_at(const SweepSpec& spec, const std::vector<SweepEvent>& events, uint64_t count) {
  int planned = spec.trials;
  if (method_has_budgets(spec.method))
    for (size_t i = 0; i < count; ++i)
      if (events[i].type == SweepEventType::resumed && events[i].trials)
        planned = *events[i].trials;
  return planned;
}

}  // namespace

Result<std::unique_ptr<Tuner>> make_sweep_tuner(const SweepSpec& spec, int trials) {
  TuneOptions options = tune_options(spec, trials);
  BATON_ASSIGN(auto tuner, make_tuner(spec.space, options));
  if (!spec.stop_early) return tuner;
  StopEarlyOptions early{spec.stop_early->after, spec.stop_early->grace,
                         spec.stop_early->asha ? StopRule::asha : StopRule::median,
                         spec.stop_early->reduction};
  return make_stop_early(std::move(tuner), early, options.goal);
}

Result<SweepTuner> SweepTuner::fresh(const Sweep& sweep, int trials) {
  BATON_ASSIGN(auto tuner, make_sweep_tuner(sweep.spec(), trials));
  for (const auto& point : sweep.warm) BATON_TRY(tuner->add(point.params, point.value));
  return SweepTuner(std::move(tuner), trials, method_has_budgets(sweep.spec().method));
}

Result<SweepTuner> SweepTuner::rebuild(const Sweep& sweep, const SweepState& state,
                                       const std::vector<SweepEvent>& events, const Json* saved,
                                       uint64_t saved_at) {
  const SweepSpec& spec = sweep.spec();
  BATON_ASSIGN(SweepTuner tuner, fresh(sweep, spec.trials));
  const bool usable = saved && saved_at <= events.size() &&
                      get_int(*saved, "trials") == planned_at(spec, events, saved_at);
  if (usable && tuner.load(*saved) && tuner.replay(spec.space, events, saved_at)) return tuner;
  BATON_ASSIGN(SweepTuner again, fresh(sweep, spec.trials));
  if (again.replay(spec.space, events, 0)) return again;
  return afresh(sweep, state);
}

// Known points are none of its own trials, so it is to plan only those that are left.
Result<SweepTuner> SweepTuner::afresh(const Sweep& sweep, const SweepState& state) {
  BATON_ASSIGN(SweepTuner tuner, fresh(sweep, sweep.spec().trials));
  if (tuner.budgets_ && state.max_trials > 0) {
    const auto before = static_cast<int>(state.trials.size());
    BATON_ASSIGN(tuner, fresh(sweep, std::max(1, state.max_trials - before)));
    tuner.trials_ = state.max_trials;
    tuner.before_ = before;
  }
  tuner.afresh_ = true;
  BATON_TRY(tuner.learn_closed(state));
  return tuner;
}

void SweepTuner::extend(int trials) {
  if (!budgets_) return;
  trials_ = trials;
  tuner_->extend(static_cast<uint64_t>(std::max(1, trials - before_)));
}

bool SweepTuner::load(const Json& saved) {
  if (!saved.is_object() || !saved.contains("tuner") || !saved.contains("asks")) return false;
  auto tuner = load_any_tuner(saved["tuner"]);
  if (!tuner.ok() || !saved["asks"].is_array()) return false;
  std::map<uint64_t, uint64_t> asks;
  for (const Json& pair : saved["asks"]) {
    bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_unsigned() &&
                pair[1].is_number_unsigned();
    if (!good) return false;
    asks[pair[0].get<uint64_t>()] = pair[1].get<uint64_t>();
  }
  tuner_ = std::move(*tuner);
  asks_ = std::move(asks);
  afresh_ = get_bool(saved, "afresh");
  trials_ = static_cast<int>(get_int(saved, "trials"));
  before_ = static_cast<int>(std::clamp<int64_t>(get_int(saved, "before"), 0, INT_MAX));
  return true;
}

Json SweepTuner::save() const {
  Json asks = Json::array();
  for (const auto& [trial, ask] : asks_) asks.push_back(Json::array({trial, ask}));
  return Json{{"tuner", tuner_->save()},
              {"asks", std::move(asks)},
              {"trials", trials_},
              {"before", before_},
              {"afresh", afresh_}};
}

bool SweepTuner::replay(const Space& space, const std::vector<SweepEvent>& events, size_t from) {
  return std::all_of(events.begin() + static_cast<long>(from), events.end(),
                     [&](const SweepEvent& event) { return replay(space, event); });
}

// False when the optimiser answers otherwise than it did when the event was recorded.
bool SweepTuner::replay(const Space& space, const SweepEvent& event) {
  if (event.type == SweepEventType::asked) {
    // Whether a new trial was allowed then is not recorded, and does not matter to what is resumed.
    auto suggestion = asks_.contains(event.trial) ? tuner_->ask_paused() : tuner_->ask();
    if (!suggestion.ok() || suggestion->id != event.ask ||
        !same_params(space, suggestion->params, event.params))
      return false;
    asks_[event.trial] = event.ask;
  }
  if (event.type == SweepEventType::resumed && event.trials) extend(*event.trials);
  for (const auto& one : event.reports) report(one.trial, one.step, one.value);
  if (event.type == SweepEventType::closed) close(event, {});
  return true;
}

Status SweepTuner::learn_closed(const SweepState& state) {
  for (const auto& trial : state.trials)
    if (trial.state == SweepTrial::State::closed && trial.value)
      BATON_TRY(tuner_->add(trial.params, *trial.value));
  return {};
}

uint64_t SweepTuner::trial_of(uint64_t ask) const {
  for (const auto& [trial, known] : asks_)
    if (known == ask) return trial;
  return 0;
}

uint64_t SweepTuner::parent_of(uint64_t ask, const SweepState& state) const {
  if (uint64_t trial = trial_of(ask)) return trial;
  if (afresh_) return 0;  // the numbers of closed trials are an earlier optimiser's
  for (size_t i = 0; i < state.trials.size(); ++i)
    if (state.trials[i].ask == ask) return i + 1;
  return 0;
}

Result<SweepEvent> SweepTuner::ask(const SweepState& state, bool only_paused) {
  BATON_ASSIGN(Suggestion suggestion, only_paused ? tuner_->ask_paused() : tuner_->ask());
  SweepEvent event;
  event.type = SweepEventType::asked;
  event.ask = suggestion.id;
  event.params = suggestion.params;
  event.until = suggestion.until;
  if (suggestion.resumed) {
    event.trial = trial_of(suggestion.id);
    if (event.trial == 0)
      return Error{Code::permanent, "the optimiser resumes an unknown trial", ""};
    event.job = state.trial(event.trial).job;
    return event;
  }
  event.trial = state.trials.size() + 1;
  event.parent = suggestion.parent ? parent_of(suggestion.parent, state) : 0;
  return event;
}

Verdict SweepTuner::report(uint64_t trial, int64_t step, double value) {
  auto ask = asks_.find(trial);
  if (ask == asks_.end()) return Verdict::go_on;
  auto verdict = tuner_->report(ask->second, step, value);
  return verdict.ok() ? *verdict : Verdict::go_on;  // a step that the optimiser does not count
}

void SweepTuner::note(const SweepEvent& event, const SweepState& state) {
  if (event.type == SweepEventType::asked) asks_[event.trial] = event.ask;
  if (event.type == SweepEventType::closed) close(event, state);
}

void SweepTuner::close(const SweepEvent& event, const SweepState& state) {
  auto known = asks_.find(event.trial);
  if (known == asks_.end()) {
    // Asked by an earlier optimiser: what it found is a known point for this one.
    bool learn = afresh_ && event.value && event.trial <= state.trials.size();
    if (learn) {
      Status ignored = tuner_->add(state.trial(event.trial).params, *event.value);
      (void)ignored;  // one point less to learn from
    }
    return;
  }
  uint64_t ask = known->second;
  asks_.erase(known);
  // A trial that was stopped is told too: it may have come to its end before, or, with a step that
  // the optimiser does not count, have a better report.
  Status told;
  if (event.outcome == TrialOutcome::value || event.outcome == TrialOutcome::pruned)
    told = tuner_->tell(ask, event.value.value_or(0));
  if (event.outcome == TrialOutcome::failed) told = tuner_->fail(ask);
  if (event.outcome == TrialOutcome::stopped) {
    told = tuner_->forget(ask);
    // A resumed one is only paused by that, and would be given out again.
    if (told.ok()) told = tuner_->forget(ask);
  }
  (void)told;  // it is open or stopped, as asks_ says
}

}  // namespace baton
