// Tuner: suggests parameters and learns from what came back. Pure: no I/O, no clock, seeded.
//
// One protocol for all methods. ask() opens a trial; several may be open at once, and what is open
// counts as pending (its value is unknown but its place is taken). report() tells an intermediate
// value, tell() or fail() closes the trial. For one seed and one order of calls the answers are the
// same on every machine of one build, whatever the number of threads. Not thread-safe.
//
// Methods with budgets (asha, hyperband, pbt) answer report() with what should become of the trial,
// and give out trials that continue an earlier one's checkpoint; for the others every trial runs to
// its end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/space.h"

namespace baton {

enum class Goal { minimize, maximize };

// What to do with trials that failed (the program's own failure; never a preemption).
enum class Failures {
  exclude,   // as if never asked, but its point counts as tried
  penalise,  // as good as the worst value seen so far
};

struct TuneOptions {
  std::string method = "bayes";  // see tune_methods()
  Goal goal = Goal::minimize;
  uint64_t seed = 0;
  std::string acquisition;  // bayes: "" the default, or "thompson", "logei", …; else must be ""
  Failures failures = Failures::exclude;
  uint64_t trials = 0;  // how many are planned, 0 unknown; a hint (hyperband, pbt, bayes' start)
  // Where extend() has changed `trials`: how many were planned before, at first. pbt's population
  // is made for these.
  std::optional<uint64_t> trials_at_first;
  int parallel = 1;  // how many are open at once at most, a hint
  // asha, hyperband, pbt: the reported step at which a trial is complete, the first step at which
  // trials are compared, and by what factor rungs thin out (asha, hyperband).
  int64_t max_step = 0;  // > 0 for these methods
  int64_t min_step = 1;
  int reduction = 3;
  bool best = false;  // by reports a trial is as good as the best of them, else as the last
  // Whether forget() gives one of `trials` back to pbt. A sweep, whose stopped trials have been
  // used up, must not have a place kept for one that it will never begin.
  bool forget_frees = false;
};

// A trial as given out by ask().
struct Suggestion {
  uint64_t id = 0;  // 1, 2, 3 …
  Params params;
  // asha, hyperband: continue this same trial (params unchanged) from its last commit up to step
  // `until`. pbt: a new trial that starts from a copy of trial `parent`'s checkpoint.
  bool resumed = false;
  uint64_t parent = 0;  // 0: none
  int64_t until = 0;    // 0: to the end
};

// What should become of a trial after an intermediate report.
enum class Verdict {
  go_on,
  pause,  // stop it after a commit; a later ask() may give it out again as resumed
  stop,   // finished for good at this step; what it has reported counts as its value
};

struct Best {
  uint64_t id = 0;
  Params params;
  double value = 0;
};

struct Importance {
  std::string name;
  double share = 0;  // 0..1; all shares sum to 1
};

class Tuner {
 public:
  virtual ~Tuner() = default;

  // The next trial. Code::not_found when the method has nothing left to suggest (a grid that is
  // used up); Code::transient when it must wait for an open trial first (hyperband, pbt).
  virtual Result<Suggestion> ask() = 0;
  // The same of a caller who begins no new trials: only a paused one to go on with. The errors are
  // those of ask().
  virtual Result<Suggestion> ask_paused() = 0;
  // So many trials are planned from now on. What was answered until then stays as it was: to replay
  // it is to extend at the same place among the calls.
  virtual void extend(uint64_t trials) = 0;

  // Closes an open or paused trial with its final value. NaN and infinities count as a failure.
  // Code::invalid when no such trial is open or paused; nothing has changed then. A trial that was
  // stopped by a verdict can be told, failed or taken back once more: a program may have come to
  // its end before it heard of the verdict, and how it ended is what counts.
  virtual Status tell(uint64_t id, double value) = 0;
  virtual Status fail(uint64_t id) = 0;
  // Closes an open trial as Verdict::stop does. Code::invalid also when it has reported nothing.
  virtual Status stop(uint64_t id) = 0;

  // Takes an open or paused trial back as if it had never been asked (it was never started); its id
  // is not used again. A resumed one that is open is paused again. Code::invalid when there is no
  // such trial.
  virtual Status forget(uint64_t id) = 0;

  // An intermediate value at `step` (1, 2, …; repeats of steps after a resume are ignored, as are
  // values that are not finite). A trial that was told to pause or to stop is told so again.
  virtual Result<Verdict> report(uint64_t id, int64_t step, double value) = 0;

  // A known point from elsewhere; counts for what is learnt, and for best().
  virtual Status add(const Params& params, double value) = 0;

  virtual std::optional<Best> best() const = 0;
  virtual std::vector<Suggestion> pending() const = 0;  // open trials, by id
  // How much of the value's variation each parameter explains (see importance.h); empty with fewer
  // than 4 closed trials, and where none explains anything.
  virtual std::vector<Importance> importance() const = 0;

  // All that load_tuner() needs to go on exactly as this one would.
  virtual Json save() const = 0;
};

// "bayes", "tpe", "sobol", "grid", "random", "asha", "hyperband", "pbt".
const std::vector<std::string>& tune_methods();

// Code::invalid for a bad space, an unknown method or acquisition (with a did-you-mean), options
// that do not fit the method, a grid over a real dimension without step.
Result<std::unique_ptr<Tuner>> make_tuner(const Space& space, const TuneOptions& options);
// Code::invalid when `saved` is not what save() wrote; Code::too_new from a newer version.
Result<std::unique_ptr<Tuner>> load_tuner(const Json& saved);

}  // namespace baton
