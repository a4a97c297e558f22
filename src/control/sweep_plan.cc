#include "control/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace baton {
namespace {

using Kind = SweepStep::Kind;

SweepStep step(Kind kind, uint64_t trial = 0) { return {kind, trial, SweepOutcome::complete, ""}; }

SweepStep end(SweepOutcome outcome, const std::string& reason) {
  return {Kind::end, 0, outcome, reason};
}

// The first trial that runs and has not been asked to end, for which `wanted` holds.
template <class Wanted>
uint64_t to_stop(const SweepFacts& facts, Wanted wanted) {
  for (uint64_t trial : facts.running)
    if (!facts.stopping.contains(trial) && wanted(trial)) return trial;
  return 0;
}

uint64_t first_idle(const SweepState& state, const SweepFacts& facts) {
  for (uint64_t trial : state.open)
    if (!facts.running.contains(trial)) return trial;
  return 0;
}

// Paused trials can be taken up again also when no new one may be made.
bool may_ask(const SweepState& state, const SweepFacts& facts) {
  if (facts.dry) return false;
  bool room = state.max_trials == 0 || state.trials.size() < static_cast<size_t>(state.max_trials);
  return room || state.paused > 0;
}

// Why a sweep ends that has not come to any limit it was given; a grid alone just comes to its end.
std::string early_end(const SweepState& state, const SweepFacts& facts) {
  bool wanted_more = state.trials.size() < static_cast<size_t>(state.max_trials) ||
                     state.time_ms > 0 || state.target;
  return facts.dry && wanted_more ? facts.exhausted : "";
}

}  // namespace

std::optional<SweepStep> reached_limit(const SweepState& state, const SweepFacts& facts,
                                       bool maximize) {
  if (state.stop_requested) return end(SweepOutcome::stopped, state.reason);
  if (state.target && state.best) {
    double best = *state.trial(*state.best).value;
    if (maximize ? best >= *state.target : best <= *state.target)
      return end(SweepOutcome::target,
                 fmt::format("trial {} reached the target of {}", *state.best, *state.target));
  }
  if (state.time_ms > 0 && facts.used_ms >= state.time_ms)
    return end(SweepOutcome::time,
               fmt::format("its time of {} is used up", human_duration_ms(state.time_ms)));
  return std::nullopt;
}

SweepStep next_step(const SweepState& state, const SweepFacts& facts, bool maximize) {
  if (state.ended) return step(Kind::leave);
  if (facts.leaving) {
    if (facts.running.empty()) return step(Kind::leave);
    bool told = facts.stopping.size() >= facts.running.size();
    return step(told ? Kind::wait : Kind::release);
  }
  if (auto limit = reached_limit(state, facts, maximize)) {
    if (facts.running.empty()) return *limit;
    uint64_t trial = to_stop(facts, [](uint64_t) { return true; });
    return trial ? step(Kind::stop, trial) : step(Kind::wait);
  }
  uint64_t judged = to_stop(
      facts, [&](uint64_t trial) { return state.trial(trial).state != SweepTrial::State::open; });
  if (judged) return step(Kind::stop, judged);
  bool free = facts.running.size() < static_cast<size_t>(std::min(facts.slots, state.parallel));
  if (uint64_t idle = first_idle(state, facts); idle && free) return step(Kind::attend, idle);
  if (free && may_ask(state, facts)) return step(Kind::ask);
  if (state.open.empty()) return end(SweepOutcome::complete, early_end(state, facts));
  return step(Kind::wait);
}

}  // namespace baton
