#include "control/sweep_plan.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

using Kind = SweepStep::Kind;

class Plan : public testing::Test {
 protected:
  Plan() {
    state_.max_trials = 3;
    state_.parallel = 2;
    facts_.slots = 8;
  }
  uint64_t open_trial() {
    state_.trials.emplace_back();
    state_.open.push_back(state_.trials.size());
    return state_.trials.size();
  }
  SweepStep next(bool maximize = false) { return next_step(state_, facts_, maximize); }

  SweepState state_;
  SweepFacts facts_;
};

TEST_F(Plan, AsksUntilAllSlotsAreTaken) {
  EXPECT_EQ(next().kind, Kind::ask);
  facts_.running.insert(open_trial());
  EXPECT_EQ(next().kind, Kind::ask);
  facts_.running.insert(open_trial());
  EXPECT_EQ(next().kind, Kind::wait);
  facts_.slots = 1;
  facts_.running.erase(2);
  EXPECT_EQ(next().kind, Kind::wait);  // this machine has room for one
}

TEST_F(Plan, OpenTrialsComeBeforeNewOnes) {
  open_trial();
  SweepStep step = next();
  EXPECT_EQ(step.kind, Kind::attend);
  EXPECT_EQ(step.trial, 1u);
}

TEST_F(Plan, EndsWhenAllIsDone) {
  state_.trials.resize(3);
  EXPECT_EQ(next().kind, Kind::end);
  state_.paused = 1;  // an optimiser with pauses is asked once more
  EXPECT_EQ(next().kind, Kind::ask);
  facts_.dry = true;
  EXPECT_EQ(next().kind, Kind::end);
}

TEST_F(Plan, TellsWhyItEndsBeforeALimitIsReached) {
  facts_.dry = true;
  facts_.exhausted = "all tried";
  EXPECT_EQ(next().kind, Kind::end);
  EXPECT_EQ(next().reason, "all tried");
  state_.trials.resize(3);
  EXPECT_EQ(next().reason, "") << "the trials that were wanted are there";
  state_.max_trials = 0;
  EXPECT_EQ(next().reason, "") << "a grid of which no more was wanted than all of it";
  state_.target = 7;
  EXPECT_EQ(next().reason, "all tried");
}

TEST_F(Plan, StopsWhatRunsBeforeItEnds) {
  facts_.running = {open_trial(), open_trial()};
  state_.stop_requested = true;
  state_.reason = "why";
  EXPECT_EQ(next().kind, Kind::stop);
  facts_.stopping = {1};
  EXPECT_EQ(next().trial, 2u);
  facts_.stopping = {1, 2};
  EXPECT_EQ(next().kind, Kind::wait);
  facts_.running.clear();  // the trials stay open: they go on when the sweep is resumed
  EXPECT_EQ(next().kind, Kind::end);
  EXPECT_EQ(next().outcome, SweepOutcome::stopped);
}

TEST_F(Plan, StopsJudgedTrialsOnly) {
  facts_.running = {open_trial(), open_trial()};
  state_.trials[1].state = SweepTrial::State::pruning;
  SweepStep step = next();
  EXPECT_EQ(step.kind, Kind::stop);
  EXPECT_EQ(step.trial, 2u);
}

TEST_F(Plan, ReachesTheTargetOnTheRightSide) {
  state_.trials.resize(1);
  state_.trials[0].value = 0.5;
  state_.best = 1;
  state_.target = 0.4;
  EXPECT_EQ(next(false).kind, Kind::ask);
  EXPECT_EQ(next(true).outcome, SweepOutcome::target);
}

TEST_F(Plan, EndsWhenItsTimeIsUsed) {
  state_.time_ms = 1000;
  facts_.used_ms = 999;
  EXPECT_EQ(next().kind, Kind::ask);
  facts_.used_ms = 1000;
  EXPECT_EQ(next().outcome, SweepOutcome::time);
}

TEST_F(Plan, HandsOverWhenTheMachineGoes) {
  facts_.running = {open_trial()};
  facts_.leaving = true;
  EXPECT_EQ(next().kind, Kind::release);
  facts_.stopping = {1};
  EXPECT_EQ(next().kind, Kind::wait);
  facts_.running.clear();
  EXPECT_EQ(next().kind, Kind::leave);
}

}  // namespace
}  // namespace baton
