// SweepTuner: the optimiser of a sweep, rebuilt from its events.
//
// docs/store-format.md, section 11: the same calls in the same order give the same optimiser. Where
// they do not (another version of baton), a fresh one learns from all closed trials as known
// points.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/sweep.h"
#include "tune/tune.h"

namespace baton {

// `trials`: how many are planned now. Code::invalid, naming what in the spec does not fit.
Result<std::unique_ptr<Tuner>> make_sweep_tuner(const SweepSpec& spec, int trials);

class SweepTuner {
 public:
  // Rebuilds the optimiser after `events`, all of the sweep's so far. `saved` may hold what save()
  // gave when the events up to `saved_at` had been seen; it is used if it can be.
  static Result<SweepTuner> rebuild(const Sweep& sweep, const SweepState& state,
                                    const std::vector<SweepEvent>& events, const Json* saved,
                                    uint64_t saved_at);

  // The next trial as an `asked` event without job. Code::not_found and Code::transient as
  // Tuner::ask(). With `only_paused`, Code::not_found unless a paused trial is to go on.
  Result<SweepEvent> ask(const SweepState& state, bool only_paused);
  // The verdict on a report that is about to be recorded.
  Verdict report(uint64_t trial, int64_t step, double value);
  // Learns from an event that was recorded: `closed`, and `asked`, whose number it then knows.
  void note(const SweepEvent& event, const SweepState& state);
  std::vector<Importance> importance() const { return tuner_->importance(); }
  // True when what is recorded could not be reproduced.
  bool started_afresh() const { return afresh_; }
  Json save() const;

 private:
  SweepTuner(std::unique_ptr<Tuner> tuner, int trials, bool budgets)
      : tuner_(std::move(tuner)), trials_(trials), budgets_(budgets) {}
  static Result<SweepTuner> fresh(const Sweep& sweep, int trials);
  static Result<SweepTuner> afresh(const Sweep& sweep, const SweepState& state);
  void extend(int trials);
  bool load(const Json& saved);
  bool replay(const Space& space, const std::vector<SweepEvent>& events, size_t from);
  bool replay(const Space& space, const SweepEvent& event);
  Status learn_closed(const SweepState& state);
  void close(const SweepEvent& event, const SweepState& state);
  uint64_t trial_of(uint64_t ask) const;
  uint64_t parent_of(uint64_t ask, const SweepState& state) const;

  std::unique_ptr<Tuner> tuner_;
  std::map<uint64_t, uint64_t>
      asks_;    // trials that this optimiser has asked for and that are not closed → its id
  int trials_;  // how many are planned for the sweep, as far as its method minds
  bool budgets_;
  bool afresh_ = false;
  int before_ = 0;  // afresh: so many trials were begun for an earlier optimiser
};

}  // namespace baton
