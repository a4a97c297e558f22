// Player: plays trials against a tuner in tests, several open at once, and writes down what was
// said.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tune/tune.h"

namespace baton {

inline Space test_space(const std::string& text) {
  auto space = space_from_json(*parse_json(text, "test"));
  EXPECT_TRUE(space.ok()) << (space.ok() ? "" : space.error().message);
  return space.ok() ? *space : Space{};
}

inline std::unique_ptr<Tuner> test_tuner(const Space& space, const TuneOptions& options) {
  auto tuner = make_tuner(space, options);
  EXPECT_TRUE(tuner.ok()) << (tuner.ok() ? "" : tuner.error().message);
  return tuner.ok() ? std::move(*tuner) : nullptr;
}

inline double number(const Params& params, const std::string& name) {
  const Json* value = find_param(params, name);
  return value ? value->get<double>() : 0;
}

class Player {
 public:
  // The value of a trial after so many steps.
  using Objective = std::function<double(const Params&, int64_t step)>;

  // With `steps` > 0 a trial reports each step up to it; otherwise it tells its value at once.
  Player(Objective objective, size_t parallel, int64_t steps)
      : objective_(std::move(objective)), parallel_(parallel), steps_(steps) {}

  // One move: a new trial while there is room, else one step of the trial that has waited longest.
  // False when nothing can be done any more.
  bool move(Tuner& tuner) {
    if (open_.size() < parallel_) {
      auto asked = tuner.ask();
      if (asked.ok()) {
        note_ask(*asked);
        return true;
      }
      EXPECT_TRUE(asked.is(Code::transient) || asked.is(Code::not_found)) << asked.error().message;
      if (open_.empty()) return false;
    }
    Suggestion trial = open_.front();
    open_.erase(open_.begin());
    advance(tuner, trial);
    return true;
  }

  void play(Tuner& tuner, int moves) {
    while (moves-- > 0 && move(tuner)) {
    }
  }

  const std::vector<Suggestion>& asked() const { return asked_; }
  const std::vector<std::string>& log() const { return log_; }
  const std::map<uint64_t, int64_t>& steps() const { return step_; }        // reached by each trial
  const std::map<uint64_t, Verdict>& verdicts() const { return verdict_; }  // the last ones

 private:
  void note_ask(const Suggestion& trial) {
    if (trial.parent) step_[trial.id] = step_[trial.parent];
    if (!trial.resumed) asked_.push_back(trial);
    std::string line = std::to_string(trial.id) + (trial.resumed ? " resumed" : "") + " from " +
                       std::to_string(trial.parent) + " until " + std::to_string(trial.until);
    for (const auto& [name, value] : trial.params) line += " " + name + "=" + dump_json(value);
    log_.push_back(line);
    open_.push_back(trial);
  }

  void advance(Tuner& tuner, const Suggestion& trial) {
    if (steps_ == 0) {
      EXPECT_TRUE(tuner.tell(trial.id, objective_(trial.params, 0)).ok());
      return;
    }
    int64_t step = ++step_[trial.id];
    auto verdict = tuner.report(trial.id, step, objective_(trial.params, step));
    ASSERT_TRUE(verdict.ok()) << verdict.error().message;
    verdict_[trial.id] = *verdict;
    log_.push_back(std::to_string(trial.id) + " at " + std::to_string(step) + ": " +
                   std::to_string(static_cast<int>(*verdict)));
    if (*verdict != Verdict::go_on) return;
    if (step < steps_)
      open_.push_back(trial);
    else
      EXPECT_TRUE(tuner.tell(trial.id, objective_(trial.params, step)).ok());
  }

  Objective objective_;
  size_t parallel_;
  int64_t steps_;
  std::vector<Suggestion> open_, asked_;
  std::map<uint64_t, int64_t> step_;
  std::map<uint64_t, Verdict> verdict_;
  std::vector<std::string> log_;
};

}  // namespace baton
