// SweepSpec: what `sweep:` in a spec asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/space.h"

namespace baton {

constexpr int kMaxTrials = 1'000'000;  // of a sweep
constexpr int kMaxParallel = 10'000;
constexpr int64_t kMaxSweepMs = 3650LL * 86'400'000;

// Stops trials that are clearly worse than the others at the same step (tune/stop_early.h).
struct StopEarly {
  int after = 2;      // trials that must have come to a step before others are stopped there
  int64_t grace = 1;  // nothing is stopped at this step or before
  bool asha = false;  // the rule: asha, else median
  int reduction = 3;  // asha: only the best 1/reduction goes on at a rung
  bool operator==(const StopEarly&) const = default;
};

struct SweepSpec {
  std::string metric;     // name of the reported number to optimise; "": none, nothing is learnt
  bool maximize = false;  // goal
  bool best = false;      // the best report of a trial counts instead of its last one
  std::string method = "bayes";  // one of sweep_methods()
  std::string acquisition;       // bayes only; "": its default
  int trials = 0;                // 0: as many as the method and the budget give
  int parallel = 1;              // how many run at once at most, >= 1
  Space space;
  std::optional<StopEarly> stop_early;
  int64_t time_ms = 0;           // budget.time, of the whole sweep; 0: no limit
  std::optional<double> target;  // budget.target: a trial as good as this ends the sweep
  bool penalise = false;         // failures: penalise; else they are excluded
  uint64_t seed = 0;
  int64_t max_step = 0;  // asha, hyperband, pbt: the reported step at which a trial is complete
  int64_t min_step = 1;  // the first step at which trials are compared
  int reduction = 3;     // asha, hyperband: by what factor rungs thin out
  bool operator==(const SweepSpec&) const = default;
};

// The methods that a spec can name.
const std::vector<std::string>& sweep_methods();
// What `acquisition` can name, for the method bayes.
const std::vector<std::string>& sweep_acquisitions();
// Whether the method only makes sense with a metric, and whether it looks at reports on the way.
bool method_learns(const std::string& method);
bool method_has_budgets(const std::string& method);

// What is given to a method beside its parameters, and what of it does not go with it.
struct MethodOptions {
  std::string method;
  // Those that were written down: acquisition, stop_early, max_step, min_step, reduction.
  std::set<std::string> given;
  int64_t max_step = 0, min_step = 1;
};
struct MethodProblem {
  std::string member;
  std::string message;  // one sentence without a final period, which begins with the member's name
};
std::vector<MethodProblem> method_problems(const MethodOptions& options);

// Whether a text, such as a command or a program, mentions the parameter or its variable.
bool mentions_parameter(const std::string& text, const std::string& name);

// The shape of the YAML, every default filled in.
Json sweep_to_json(const SweepSpec& sweep);

}  // namespace baton
