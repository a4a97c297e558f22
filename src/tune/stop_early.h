// StopEarly: stops trials of any method that fall behind, by one of two rules. A trial is compared
// by its best value so far.
//
// median (Golovin et al., "Google Vizier", KDD 2017): it stops at a step when it is worse than the
// median of what the others had reached by that step.
// asha (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, without
// promotion later): there are rungs at the steps r = grace + 1, r · reduction, r · reduction² …; it
// stops at a rung unless it is among the best 1/reduction of all that have come there so far.
#pragma once

#include <memory>

#include "tune/tune.h"

namespace baton {

enum class StopRule { median, asha };

struct StopEarlyOptions {
  int after = 2;      // trials that must have come to a step before others are stopped there; 1 …
                      // kMostAfter
  int64_t grace = 1;  // nothing is stopped at this step or before; 0 … kMostGrace
  StopRule rule = StopRule::median;
  int reduction = 3;  // of asha; >= 2
  static constexpr int64_t kMostGrace = int64_t{1} << 53;
  static constexpr int kMostAfter = 1'000'000;
};

// A tuner that is `tuner`, but answers report() with Verdict::stop where the rule says so; the
// trial is then closed by Tuner::stop(). The tuner's own verdicts come first. Code::invalid for
// options out of range.
Result<std::unique_ptr<Tuner>> make_stop_early(std::unique_ptr<Tuner> tuner,
                                               const StopEarlyOptions& options, Goal goal);

// load_tuner() for what either kind of tuner saved.
Result<std::unique_ptr<Tuner>> load_any_tuner(const Json& saved);

}  // namespace baton
