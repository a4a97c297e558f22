#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/sweep.h"

namespace baton {
namespace {

using Type = SweepEventType;
using TrialState = SweepTrial::State;

// Clocks of other writers may say anything.
constexpr int64_t kMostUsed = std::numeric_limits<int64_t>::max() / 2;

Error broken(const SweepEvent& event, const std::string& why) {
  return {Code::corrupt,
          fmt::format("event {} ({}): {}", event.number, sweep_event_name(event.type), why), ""};
}

bool runs(TrialState state) {
  return state == TrialState::open || state == TrialState::pausing || state == TrialState::pruning;
}

bool is_driver_event(Type type) {
  return type == Type::asked || type == Type::reported || type == Type::paused ||
         type == Type::closed || type == Type::ended;
}

const SweepTrial* find_trial(const SweepState& state, uint64_t number) {
  return number >= 1 && number <= state.trials.size() ? &state.trials[number - 1] : nullptr;
}

Status may_ask(const SweepState& state, const SweepEvent& event) {
  if (event.trial == state.trials.size() + 1) {
    if (event.parent >= event.trial) return broken(event, "its parent comes after it");
    return {};
  }
  const SweepTrial* trial = find_trial(state, event.trial);
  bool pauses =
      trial && (trial->state == TrialState::paused || trial->state == TrialState::pausing);
  if (!pauses)
    return broken(event, fmt::format("trial {} is neither the next one nor paused", event.trial));
  if (trial->job != event.job) return broken(event, "it names another job");
  return {};
}

Status may_close(const SweepState& state, const SweepEvent& event) {
  const SweepTrial* trial = find_trial(state, event.trial);
  if (!trial || trial->state == TrialState::closed)
    return broken(event, fmt::format("trial {} is not open", event.trial));
  if (event.type == Type::paused && trial->state != TrialState::pausing)
    return broken(event, fmt::format("trial {} is not to be paused", event.trial));
  return {};
}

Status may_report(const SweepState& state, const SweepEvent& event) {
  for (const auto& report : event.reports)
    if (const SweepTrial* trial = find_trial(state, report.trial); !trial || !runs(trial->state))
      return broken(event, fmt::format("trial {} is not open", report.trial));
  for (const auto& [number, stop] : event.verdicts) {
    const SweepTrial* trial = find_trial(state, number);
    if (!trial || !runs(trial->state))
      return broken(event, fmt::format("trial {} is not open", number));
    bool reported = std::any_of(event.reports.begin(), event.reports.end(),
                                [&, &of = number](const auto& one) { return one.trial == of; });
    if (!reported && trial->reports.empty())
      return broken(event, fmt::format("a verdict on trial {}, which reported nothing", number));
  }
  return {};
}

void ask(SweepState& state, const SweepEvent& event) {
  if (event.trial > state.trials.size()) {
    SweepTrial trial;
    trial.nonce = event.nonce;
    trial.ask = event.ask;
    trial.params = event.params;
    trial.job = event.job;
    trial.parent = event.parent;
    trial.asked_ms = event.at_ms;
    state.trials.push_back(std::move(trial));
  } else if (state.trials[event.trial - 1].state == TrialState::paused) {
    --state.paused;
  }
  SweepTrial& trial = state.trials[event.trial - 1];
  trial.state = TrialState::open;
  trial.until = event.until;
  auto place = std::lower_bound(state.open.begin(), state.open.end(), event.trial);
  if (place == state.open.end() || *place != event.trial) state.open.insert(place, event.trial);
}

void leave_open(SweepState& state, uint64_t number) { std::erase(state.open, number); }

bool better(double a, double b, bool maximize) { return maximize ? a > b : a < b; }

void close(SweepState& state, const SweepEvent& event, bool maximize) {
  SweepTrial& trial = state.trials[event.trial - 1];
  if (trial.state == TrialState::paused) --state.paused;
  trial.state = TrialState::closed;
  trial.outcome = event.outcome;
  trial.value = event.value;
  trial.reason = event.reason;
  trial.ran_ms = event.ran_ms;
  trial.attempts = event.attempts;
  trial.closed_ms = event.at_ms;
  leave_open(state, event.trial);
  ++state.counts[static_cast<size_t>(event.outcome)];
  bool counts = event.outcome == TrialOutcome::value || event.outcome == TrialOutcome::pruned;
  if (!counts || !event.value) return;
  if (!state.best || better(*event.value, *state.trial(*state.best).value, maximize))
    state.best = event.trial;
}

void pause(SweepState& state, const SweepEvent& event) {
  SweepTrial& trial = state.trials[event.trial - 1];
  trial.state = TrialState::paused;
  trial.ran_ms = event.ran_ms;
  trial.attempts = event.attempts;
  leave_open(state, event.trial);
  ++state.paused;
}

void report(SweepState& state, const SweepEvent& event) {
  for (const auto& one : event.reports)
    state.trials[one.trial - 1].reports.emplace_back(one.step, one.value);
  for (const auto& [number, stop] : event.verdicts)
    state.trials[number - 1].state = stop ? TrialState::pruning : TrialState::pausing;
}

void resume(SweepState& state, const SweepEvent& event) {
  state.ended = false;
  state.stop_requested = false;
  state.reason.clear();
  if (event.trials) state.max_trials = *event.trials;
  if (event.parallel) state.parallel = *event.parallel;
  if (event.time_ms) state.time_ms = *event.time_ms;
  if (event.target) state.target = event.target;
}

}  // namespace

std::optional<double> reported_value(const SweepTrial& trial, const SweepSpec& spec) {
  if (trial.reports.empty()) return std::nullopt;
  double value = trial.reports.back().second;
  if (spec.best)
    for (const auto& [step, one] : trial.reports)
      if (better(one, value, spec.maximize)) value = one;
  return value;
}

const char* trial_state_name(const SweepTrial& trial) {
  switch (trial.state) {
    case TrialState::open:
      return "open";
    case TrialState::pausing:
      return "pausing";
    case TrialState::pruning:
      return "pruning";
    case TrialState::paused:
      return "paused";
    case TrialState::closed:
      return trial_outcome_name(trial.outcome);
  }
  return "";
}

int64_t used_ms_at(const SweepState& state, int64_t wall_ms) {
  if (!state.driver || wall_ms <= state.driver_ms) return state.used_ms;
  return state.used_ms + std::min(wall_ms - state.driver_ms, kMostUsed - state.used_ms);
}

SweepState initial_state(const SweepSpec& spec) {
  SweepState state;
  state.max_trials = spec.trials;
  state.parallel = spec.parallel;
  state.time_ms = spec.time_ms;
  state.target = spec.target;
  return state;
}

Status may_follow(const SweepState& state, const SweepEvent& event) {
  if (event.number != state.events + 1)
    return broken(event, fmt::format("it follows event {}", state.events));
  if ((event.type == Type::created) != (event.number == 1))
    return broken(event, "created is event 1, and only that");
  if (event.type == Type::created || event.type == Type::resumed) return {};
  if (state.ended) return broken(event, "the sweep has ended");
  if (is_driver_event(event.type) && !state.driver) return broken(event, "there is no driver");
  switch (event.type) {
    case Type::asked:
      return may_ask(state, event);
    case Type::reported:
      return may_report(state, event);
    case Type::paused:
    case Type::closed:
      return may_close(state, event);
    default:
      return {};
  }
}

void apply(SweepState& state, const SweepEvent& event, const SweepSpec& spec) {
  // Time counts while a driver is at work: from its claim to what it wrote last. That others ask it
  // to stop, or give it new limits, does not tell whether it still is.
  const bool of_driver = is_driver_event(event.type);
  if (of_driver) state.used_ms = used_ms_at(state, event.at_ms);
  if (of_driver || event.type == Type::claimed) state.driver_ms = event.at_ms;
  state.events = event.number;
  state.last_nonce = event.nonce;
  state.changed_ms = event.at_ms;
  switch (event.type) {
    case Type::created:
      state.name = event.name;
      state.code_object = event.code_object;
      state.created_ms = event.at_ms;
      break;
    case Type::claimed:
      state.driver = event;
      break;
    case Type::asked:
      ask(state, event);
      break;
    case Type::reported:
      report(state, event);
      break;
    case Type::paused:
      pause(state, event);
      break;
    case Type::closed:
      close(state, event, spec.maximize);
      break;
    case Type::stop_requested:
      state.stop_requested = true;
      state.reason = event.reason;
      break;
    case Type::ended:
      state.ended = true;
      state.outcome = event.end;
      state.reason = event.reason;
      state.driver.reset();
      break;
    case Type::resumed:
      resume(state, event);
      break;
  }
}

}  // namespace baton
