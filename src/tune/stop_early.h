// StopEarly: stops trials of any method that fall behind, by the median rule (Golovin et al.,
// "Google Vizier", KDD 2017): a trial stops at a step when its best value so far is worse than the
// median of what the others had reached by that step.
#pragma once

#include <memory>

#include "tune/tune.h"

namespace baton {

struct StopEarlyOptions {
  int after = 2;      // trials that must have come to a step before others are stopped there; >= 1
  int64_t grace = 1;  // nothing is stopped at this step or before; >= 0
};

// A tuner that is `tuner`, but answers report() with Verdict::stop where the rule says so; the
// trial is then closed with its last report. The tuner's own verdicts come first. Code::invalid for
// options out of range.
Result<std::unique_ptr<Tuner>> make_stop_early(std::unique_ptr<Tuner> tuner,
                                               const StopEarlyOptions& options, Goal goal);

// load_tuner() for what either kind of tuner saved.
Result<std::unique_ptr<Tuner>> load_any_tuner(const Json& saved);

}  // namespace baton
