// TrialTable and MethodTuner: what all methods share: ids, open and closed trials, the goal's sign,
// failures, the best, save and load. A method only answers "which point next?" (propose) and, where
// it has budgets, "what becomes of this trial?" (judge).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tune/codec.h"
#include "tune/rng.h"
#include "tune/tune.h"

namespace baton {

struct Trial {
  enum class State { open, paused, done, failed, forgotten };
  uint64_t id = 0;
  State state = State::open;
  Params params;
  Point point;         // params in the unit cube, see Codec
  double cost = 0;     // done: the value, its sign such that less is better
  uint64_t order = 0;  // done, failed: the how-manieth (1, 2, …) to be closed
  bool added = false;  // a known point from add(), never asked
  bool resumed = false;
  bool stopped = false;  // done by a verdict, and nobody has told since how it ended
  uint64_t parent = 0;
  int64_t until = 0;
  std::vector<std::pair<int64_t, double>> reports;  // step, cost (with options().best
                                                    // the least so far); steps rise strictly
};

// A closed trial as a method learns from it.
struct Observation {
  const Trial* trial = nullptr;
  double cost = 0;  // less is better; for a penalised failure the worst cost of all
};

// All trials, by id. Values inside are costs: less is better, whatever the goal.
class TrialTable {
 public:
  TrialTable(Space space, TuneOptions options);

  const Codec& codec() const { return codec_; }
  const TuneOptions& options() const { return options_; }
  const std::vector<Trial>& trials() const { return trials_; }  // trials()[k].id == k + 1
  const Trial* find(uint64_t id) const;                         // null when there is none

  // In the order in which they were closed: done ones, and failed ones when they are penalised and
  // something to compare with is done. Pointers are good until the table changes.
  std::vector<Observation> observations() const;
  std::vector<const Trial*> open() const;  // by id
  const Trial* best() const;               // least cost, the earliest to be closed of equals
  // Whether an open, paused, done or failed trial has exactly this point, as encode() gave it.
  bool seen(const Point& point) const { return seen_.count(point) > 0; }
  // How many points are seen().
  uint64_t seen() const { return seen_.size(); }
  uint64_t count(Trial::State state) const;

  double cost_of(double value) const { return options_.goal == Goal::maximize ? -value : value; }
  double value_of(double cost) const { return cost_of(cost); }

 private:
  friend class MethodTuner;
  Json save() const;
  Status load(const Json& saved);
  Trial* find_open(uint64_t id);
  Trial* find_stopped(uint64_t id);
  Trial& append(Trial trial);
  void close(Trial& trial, Trial::State state, double cost);
  void take_back(Trial& trial);

  Codec codec_;
  TuneOptions options_;
  std::vector<Trial> trials_;
  std::map<Point, uint64_t> seen_;  // how many trials have a point
  uint64_t closed_ = 0;             // how many were ever closed
  uint64_t asks_ = 0;               // how often ask() has answered with a trial
};

// The base of all methods.
class MethodTuner : public Tuner {
 public:
  // `space` has passed check_space(), `options` those of make_tuner().
  MethodTuner(Space space, TuneOptions options);

  Result<Suggestion> ask() final;
  Result<Suggestion> ask_paused() final;
  void extend(uint64_t trials) final;
  Status tell(uint64_t id, double value) final;
  Status fail(uint64_t id) final;
  Status stop(uint64_t id) final;
  Status forget(uint64_t id) final;
  Result<Verdict> report(uint64_t id, int64_t step, double value) final;
  Status add(const Params& params, double value) final;
  std::optional<Best> best() const final;
  std::vector<Suggestion> pending() const final;
  std::vector<Importance> importance() const final;  // by parameter_importance(), importance.h
  Json save() const final;

  // Takes over what save() of a tuner with equal space and options gave; only on a new object.
  Status restore(const Json& saved);

 protected:
  struct Proposal {
    Point point;          // of a new trial; snapped by ask()
    uint64_t resume = 0;  // instead: the id of a paused trial to give out again
    uint64_t parent = 0;
    int64_t until = 0;
  };
  // The next trial. Errors as those of Tuner::ask().
  virtual Result<Proposal> propose() = 0;
  // The same where no new trial may begin. Whatever is resumed by propose() is resumed by this,
  // too.
  virtual Result<Proposal> propose_paused();
  // What becomes of an open trial after its latest report (trial.reports.back()).
  virtual Verdict judge(const Trial& /*trial*/) { return Verdict::go_on; }
  // Called after a trial became done, failed or forgotten, or was added.
  virtual void on_closed(const Trial& /*trial*/) {}
  // Called after a trial that was stopped got another value, failed or was taken back.
  virtual void on_revised(const Trial& /*trial*/) {}
  // What propose() and judge() remember beside the table; must bring them on identically.
  virtual Json save_method() const { return Json::object(); }
  virtual Status load_method(const Json& /*saved*/) { return {}; }

  const TrialTable& table() const { return table_; }
  // The numbers of this ask: the same for the same seed and the same number of asks before.
  // Different purposes are independent. Calls with one purpose repeat the same numbers.
  Rng rng(uint64_t purpose) const { return Rng(table_.options_.seed, table_.asks_ + 1, purpose); }

 private:
  Suggestion give_out(const Proposal& proposal);
  Status settle(uint64_t id, Trial::State state, double cost);
  void stop(Trial& trial);

  TrialTable table_;
};

}  // namespace baton
