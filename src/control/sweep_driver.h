// The driver of a sweep: asks the optimiser, makes jobs of its suggestions, sees that agents run
// them, and records what came of them. All that it knows is in the store; it may be killed at any
// moment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/inspect.h"
#include "control/sweep_plan.h"
#include "control/sweep_tuner.h"
#include "control/sweep_value.h"
#include "control/trial_runner.h"
#include "ledger/sweeps.h"

namespace baton {

struct SweepTimes {
  int64_t beat = 5'000;       // heartbeat period
  int64_t beat_ttl = 30'000;  // a heartbeat seen unchanged for so long is nobody's
  int64_t look = 1'000;       // how often requests, reports and jobs elsewhere are looked at
  int64_t watch = 1'000;      // how often running trials are looked at for preemptions, to tell of
  int64_t hint = 2'000;       // how often summary.json is written at most
  int64_t save = 15'000;      // the same for tuner.json
  int64_t record = 60'000;    // how much of a limited time may go unrecorded
};

class SweepView {
 public:
  virtual ~SweepView() = default;
  // An event was recorded, by whomever.
  virtual void event(const SweepEvent& event, const SweepState& after) = 0;
  // About once a second, and after every change.
  virtual void tick(const SweepState& state, size_t running) = 0;
  virtual void tell(const std::string& line) = 0;
  // The trial was preempted, and is no worse for it: `line` tells so.
  virtual void interrupted(uint64_t /*trial*/, const std::string& /*line*/) {}
};

struct SweepParts {
  SweepLedger& sweeps;
  Ledger& ledger;
  Clock& clock;
  TrialRunner& runner;
  SweepView& view;
  AgentIdentity identity;
  int slots = 1;  // how many trials this machine has room for
  SweepTimes times;
};

enum class SweepEnd {
  ended,  // recorded: the state tells how
  left,   // handed over; the sweep can be resumed
  taken,  // another process runs it now, with the limits that were to be recorded
};

class SweepDriver {
 public:
  explicit SweepDriver(SweepParts& parts) : parts_(parts) {}
  // Drives the sweep until it ends or this process is told to leave. `resume`, where given, is
  // appended first if the sweep has ended, was asked to stop, or gets other limits by it.
  // Code::fenced when a driver lives, or another one took over; Code::invalid when the sweep has
  // ended.
  Result<SweepEnd> run(const std::string& sweep, const std::optional<SweepEvent>& resume);
  const SweepState& state() const { return history_->state(); }
  const Sweep& sweep() const { return history_->sweep(); }
  std::vector<Importance> importance() const { return tuner_->importance(); }
  // What helps a sweep that has just ended as failed; "" where trying again does.
  const std::string& remedy() const { return remedy_; }

 private:
  // sweep_claim.cc
  Status open(const std::string& sweep);
  Result<bool> await_driver();
  Result<bool> resume(const SweepEvent& event);
  Status adopt_running();
  Status claim();
  Status rebuild_tuner();
  // sweep_driver.cc
  Result<bool> act(const SweepStep& step);
  Result<bool> heed();
  Result<bool> end(const SweepStep& step);
  Status still_ends(SweepOutcome outcome) const;
  Status record_time();
  bool outgrown() const;
  Status still_planned() const;
  Status ask();
  Status wait();
  Status on_news(const TrialRunner::News& news);
  Status on_time();
  void tell_interruptions(uint64_t trial, const Summary& summary);
  void watch_attempts();
  SweepFacts facts() const;
  Result<SweepEvent> append(SweepEvent event,
                            const std::function<Status(const SweepState&)>& accept = {});
  // sweep_trials.cc
  Status attend(uint64_t trial);
  Status make_job(uint64_t trial);
  Status copy_checkpoint(const SweepTrial& trial);
  Result<std::optional<Event>> unfinished_commit(const History& parent);
  Status start(uint64_t trial, const Summary* summary);
  Status stop(uint64_t trial);
  Status conclude(uint64_t trial, History& history);
  Status pause(uint64_t trial, const Summary& summary);
  Status prune(uint64_t trial, const Summary& summary);
  Status conclude_stopped(uint64_t trial, History& history);
  Status conclude_succeeded(uint64_t trial, History& history);
  Status close(uint64_t trial, const Summary& summary, TrialOutcome outcome,
               std::optional<double> value, const std::string& reason);
  Status give_up(const std::string& reason, const std::string& remedy = "");
  bool metric_is_known() const;
  bool wants_reports() const;
  Status collect_reports(uint64_t trial, const History& history, SweepEvent& event);
  Status record_reports(const std::map<uint64_t, const History*>& trials);
  Status read_reports();
  Result<History*> look(uint64_t trial);
  Status look_elsewhere();

  struct Elsewhere {  // an agent on another machine
    History history;
    BeatWatch watch;
  };

  SweepParts& parts_;
  std::optional<SweepHistory> history_;
  std::optional<SweepTuner> tuner_;
  std::vector<SweepEvent> events_;
  std::string agent_;   // of our claim
  uint64_t claim_ = 0;  // its number
  std::set<uint64_t> running_, stopping_;
  std::map<uint64_t, Elsewhere> elsewhere_;
  std::map<uint64_t, History> histories_;  // of running trials, as far as they were read
  std::map<uint64_t, TrialReports> metrics_;
  std::map<uint64_t, std::pair<int, int>>
      tries_;                              // trial → attempts before the start, starts in vain
  std::map<uint64_t, int> interruptions_;  // trial → how many have been told
  bool dry_ = false, leaving_ = false;
  std::string exhausted_;  // as SweepFacts has it
  int planned_ = 0;        // the number of trials that the optimiser was last rebuilt for
  std::optional<SweepStep> failure_;  // why the sweep is to end as failed
  std::string remedy_;
  int64_t started_mono_ = 0;
  int64_t next_beat_ = 0, next_look_ = 0, next_hint_ = 0, next_save_ = 0, next_watch_ = 0;
};

}  // namespace baton
