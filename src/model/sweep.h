// Sweep: a search over parameters. Its record is written once; its state is the fold of its events.
//
//           asked (new, or resumed)      reported(verdict pause)        paused
//   (none) ─────────────▶ open ───────────────────────────▶ pausing ───────────▶ paused
//                         │ ▲   reported(verdict stop)                              │
//                         │ │ ─────────────────────────▶ pruning                    │
//                         │ └────────────────────────── asked ──────────────────────┤
//                         └──────────────── closed ◀── (from any of them) ──────────┘
//
// docs/store-format.md, section 11, says who may write which event when, and what follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/job.h"
#include "model/space.h"

namespace baton {

constexpr uint64_t kMaxSweepBytes = 64 << 20;
constexpr uint64_t kMaxSweepEventBytes = 1 << 20;
constexpr uint64_t kMaxTrial = 99'999'999;

struct WarmPoint {
  Params params;
  double value = 0;
};

// sweep.json. `base` is what the trials have in common: a job with spec.sweep, whose command is
// not substituted yet and whose id, nonce and time are the sweep's own.
struct Sweep {
  Job base;
  std::vector<WarmPoint> warm;  // known points, from another sweep
  const SweepSpec& spec() const { return *base.spec.sweep; }
};

std::string encode_sweep(const Sweep& sweep);
// Code::too_new for a later format version, Code::corrupt for anything else that is not a sweep.
Result<Sweep> decode_sweep(std::string_view text, const std::string& what);

enum class SweepEventType {
  created,
  claimed,
  asked,
  reported,
  paused,
  closed,
  stop_requested,
  ended,
  resumed
};
enum class TrialOutcome {
  value,    // the program succeeded and reported the metric (or the sweep has none)
  pruned,   // stopped early; what its reports are worth is its value
  failed,   // the program failed, or its value is no finite number
  stopped,  // its job was stopped by hand, or had nothing to do
};
enum class SweepOutcome { complete, target, time, stopped, failed };

const char* sweep_event_name(SweepEventType type);
const char* trial_outcome_name(TrialOutcome outcome);
const char* sweep_outcome_name(SweepOutcome outcome);

struct TrialReport {
  uint64_t trial = 0;
  int64_t step = 0;
  double value = 0;
};

struct SweepEvent {
  uint64_t number = 0;  // 1, 2, 3 … without gaps
  SweepEventType type = SweepEventType::created;
  std::string nonce;
  int64_t at_ms = 0;  // writer's wall clock; between events of one driver it measures time used
  // created:
  std::string code_object, name;
  // claimed:
  std::string agent, host, boot, machine;
  int64_t pid = 0;
  uint64_t pid_start = 0;
  // asked, paused, closed:
  uint64_t trial = 0;  // 1, 2, 3 … in the order asked
  uint64_t ask = 0;    // the optimiser's own number for it
  Params params;
  std::string job;
  uint64_t parent = 0;  // trial from whose checkpoint it begins, 0: none
  int64_t until = 0;    // step up to which it runs now, 0: to its end
  // reported; without any, it tells only that the driver was at work until then:
  std::vector<TrialReport> reports;
  std::vector<std::pair<uint64_t, bool>> verdicts;  // trial, true: stop for good; false: pause
  // closed:
  TrialOutcome outcome = TrialOutcome::value;
  std::optional<double> value;
  std::string reason;  // also of stop_requested and ended
  int64_t ran_ms = 0;
  int attempts = 0;
  // ended:
  SweepOutcome end = SweepOutcome::complete;
  // resumed: new limits, each where it changes
  std::optional<int> trials, parallel;
  std::optional<int64_t> time_ms;
  std::optional<double> target;
};

std::string encode_sweep_event(const SweepEvent& event);
// Code::too_new for a type this version does not know, Code::corrupt for what is no event.
Result<SweepEvent> decode_sweep_event(std::string_view text, const std::string& what);

struct SweepTrial {
  enum class State { open, pausing, pruning, paused, closed };
  State state = State::open;
  uint64_t ask = 0;
  std::string nonce;  // of the event that asked for it first: its job's nonce
  Params params;
  std::string job;
  uint64_t parent = 0;
  int64_t until = 0;
  int64_t asked_ms = 0, closed_ms = 0;              // wall clock
  std::vector<std::pair<int64_t, double>> reports;  // step, value; as far as they were recorded
  TrialOutcome outcome = TrialOutcome::value;       // once closed
  std::optional<double> value;
  std::string reason;
  int64_t ran_ms = 0;
  int attempts = 0;
};
// What its reports are worth: the last one, or where the metric says so the best.
std::optional<double> reported_value(const SweepTrial& trial, const SweepSpec& spec);
const char* trial_state_name(const SweepTrial& trial);  // "open", "paused", "value", "failed", …

// The fold of a sweep's events.
struct SweepState {
  uint64_t events = 0;
  std::string last_nonce;
  std::string name, code_object;
  std::vector<SweepTrial> trials;    // trial k stands at k - 1
  std::vector<uint64_t> open;        // trials that are open, pausing or pruning, ascending
  std::optional<SweepEvent> driver;  // the last `claimed`, while the sweep has a driver
  bool ended = false;                // and not resumed since
  SweepOutcome outcome = SweepOutcome::complete;
  std::string reason;  // of the end, or of the stop that is asked for
  bool stop_requested = false;
  int counts[4] = {};  // closed trials by outcome
  int paused = 0;
  std::optional<uint64_t> best;  // trial with the best value
  int max_trials = 0;            // limits that count now; 0: none
  int parallel = 1;
  int64_t time_ms = 0;
  std::optional<double> target;
  int64_t used_ms = 0;    // time that drivers have spent on it
  int64_t driver_ms = 0;  // when the driver wrote last; up to then its time is in used_ms
  int64_t created_ms = 0, changed_ms = 0;

  const SweepTrial& trial(uint64_t number) const { return trials[number - 1]; }
  int closed() const { return counts[0] + counts[1] + counts[2] + counts[3]; }
};

// The time that drivers have spent on it by now, where the driver, if there is one, is at work.
int64_t used_ms_at(const SweepState& state, int64_t wall_ms);

// Before the first event.
SweepState initial_state(const SweepSpec& spec);
// Whether `event` may come next; Code::corrupt says which rule it breaks.
Status may_follow(const SweepState& state, const SweepEvent& event);
// Adds one event. Precondition: may_follow.
void apply(SweepState& state, const SweepEvent& event, const SweepSpec& spec);

// The job of a trial: a function of the record and of the event that asked for it, so that whoever
// makes it makes the same. Code::invalid when a parameter cannot be substituted.
Result<Job> trial_job(const Sweep& sweep, uint64_t number, const SweepTrial& trial);

}  // namespace baton
