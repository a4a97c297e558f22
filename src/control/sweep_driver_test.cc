#include <limits>

#include "control/sweep_driver_fixture.h"

namespace baton {
namespace {

TEST_F(Driver, RunsAllTrialsAndNoMoreThanWantedAtOnce) {
  auto end = drive();
  ASSERT_TRUE(end.ok()) << end.error().message;
  SweepState now = state();
  EXPECT_TRUE(now.ended);
  EXPECT_EQ(now.counts[0], 6);
  EXPECT_EQ(agents_.most, 2u);
  for (const auto& trial : now.trials)
    EXPECT_DOUBLE_EQ(*trial.value, trial.params[0].second.get<double>());
}

TEST_F(Driver, WhoStoppedItIsRecorded) {
  for (bool hung_up : {false, true}) {
    begin(kRandomSpec);
    agents_.first_news.stop = true;
    agents_.first_news.hung_up = hung_up;
    ASSERT_TRUE(drive().ok());
    EXPECT_EQ(state().outcome, SweepOutcome::stopped);
    EXPECT_EQ(state().reason, hung_up ? "the terminal was closed" : "stopped by Ctrl-C");
  }
}

TEST_F(Driver, APreemptedTrialIsStartedAgainAndCountsOnce) {
  agents_.outcome = [](uint64_t, int start) {
    return start < 3 ? Outcome::preempted : Outcome::succeeded;
  };
  ASSERT_TRUE(drive().ok());
  SweepState now = state();
  EXPECT_EQ(now.counts[0], 6);
  for (const auto& trial : now.trials) EXPECT_EQ(trial.attempts, 3);
}

TEST_F(Driver, AFailedProgramIsAFailureWithoutValue) {
  agents_.outcome = [](uint64_t trial, int) {
    return trial % 2 ? Outcome::failed : Outcome::succeeded;
  };
  ASSERT_TRUE(drive().ok());
  SweepState now = state();
  EXPECT_EQ(now.counts[static_cast<size_t>(TrialOutcome::failed)], 3);
  EXPECT_FALSE(now.trial(1).value);
}

TEST_F(Driver, AnUnknownMetricEndsTheSweepAndNamesWhatThereIs) {
  agents_.name = "los";
  auto end = drive();
  ASSERT_TRUE(end.ok()) << end.error().message;
  SweepState now = state();
  EXPECT_EQ(now.outcome, SweepOutcome::failed);
  EXPECT_NE(now.reason.find("there are: los; did you mean \"los\"?"), std::string::npos)
      << now.reason;
}

TEST_F(Driver, OneProgramThatSaysNothingIsAFailureWhileOthersReport) {
  agents_.values = [](uint64_t trial, const std::string& x) {
    return trial == 1 ? std::vector<std::string>() : std::vector<std::string>{x};
  };
  ASSERT_TRUE(drive().ok());
  EXPECT_EQ(state().outcome, SweepOutcome::complete) << state().reason;
  EXPECT_EQ(state().counts[static_cast<size_t>(TrialOutcome::failed)], 1);
  EXPECT_EQ(state().counts[static_cast<size_t>(TrialOutcome::value)], 5);
}

TEST_F(Driver, ProgramsThatAllSayNothingEndTheSweepSoon) {
  agents_.values = [](uint64_t, const std::string&) { return std::vector<std::string>(); };
  ASSERT_TRUE(drive().ok());
  EXPECT_EQ(state().outcome, SweepOutcome::failed);
  EXPECT_EQ(state().closed(), 2) << "as many as run at once";
}

TEST_F(Driver, WhatNobodyCouldReadIsNotWritten) {
  ASSERT_TRUE(drive().ok());
  SweepEvent limits;
  limits.target = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(drive(limits).is(Code::corrupt));
  EXPECT_EQ(state().outcome, SweepOutcome::complete) << "it can be read still";
}

TEST(SweepDrivers, AreGoneWhenTheirMachineHasRestarted) {
  const AgentIdentity self = AgentIdentity::self();
  SweepEvent claimed;
  claimed.host = self.host;
  claimed.boot = "another boot/1";
  claimed.pid = self.pid;
  claimed.pid_start = self.pid_start;
  EXPECT_FALSE(driver_is_gone(claimed)) << "of a machine that nothing is known of";
  claimed.machine = self.machine;
  EXPECT_EQ(driver_is_gone(claimed), !self.machine.empty());
}

TEST_F(Driver, AnAgentThatCannotClaimEndsTheSweepInsteadOfTryingForEver) {
  class Dead : public FakeAgents {
   public:
    using FakeAgents::FakeAgents;
    Status start(uint64_t trial, const std::string&) override {
      ended_.push_back(trial);
      return {};
    }
    Result<News> wait(int64_t) override {
      News news;
      news.ended = std::exchange(ended_, {});
      return news;
    }
    std::vector<uint64_t> ended_;
  } dead(ledger_, clock_);
  SweepParts parts{sweeps_, ledger_, clock_, dead, view_, identity(), 8, {}};
  ASSERT_TRUE(SweepDriver(parts).run(sweep_.base.id, std::nullopt).ok());
  EXPECT_EQ(state().outcome, SweepOutcome::failed);
  EXPECT_EQ(state().reason, "trial 1 cannot be run: its agent ends at once; its log is /logs/" +
                                state().trial(1).job);
  auto agents = make_trial_agents("baton", {"", "", "/home/me/.baton", {}}, -1);
  EXPECT_EQ(agents->log_path("j"), "/home/me/.baton/run/j.log");
}

constexpr const char* kAsha =
    "name: s\ncommand: p ${x}\nsweep:\n  metric: loss\n  method: asha\n  max_step: 3\n  trials: 6\n"
    "  parameters: {x: {min: 0, max: 1}}\n";

std::vector<std::string> three_steps(uint64_t, const std::string& x) { return {"2", "1", x}; }

TEST_F(Driver, WhatEndsBeforeItCanPauseCountsAsItEnded) {
  begin(kAsha);
  agents_.values = three_steps;
  agents_.outcome = [](uint64_t trial, int) {
    return trial == 2 ? Outcome::failed : Outcome::succeeded;
  };
  ASSERT_TRUE(drive().ok());
  SweepState now = state();
  EXPECT_EQ(now.paused, 0);
  EXPECT_EQ(now.counts[static_cast<size_t>(TrialOutcome::value)], 5);
  EXPECT_EQ(now.counts[static_cast<size_t>(TrialOutcome::failed)], 1);
  ASSERT_TRUE(now.best);
  for (const auto& trial : now.trials) {
    EXPECT_EQ(trial.attempts, 1);
    EXPECT_EQ(trial.ran_ms, 5);
    if (trial.value) {
      EXPECT_DOUBLE_EQ(*trial.value, trial.params[0].second.get<double>());
    }
  }
  EXPECT_EQ(known(2)["state"], "failed");
  EXPECT_EQ(known(1)["cost"], *now.trial(1).value);
}

TEST_F(Driver, WhatPausesShowsHowFarItHasCome) {
  begin(std::string(kAsha) + "  reduction: 1000\n");
  agents_.values = three_steps;
  agents_.outcome = [](uint64_t, int start) {
    return start == 1 ? Outcome::stopped : Outcome::succeeded;
  };
  ASSERT_TRUE(drive().ok());
  SweepState now = state();
  EXPECT_EQ(now.paused, 5);
  for (const auto& trial : now.trials) {
    if (trial.state != SweepTrial::State::paused) continue;
    EXPECT_EQ(trial.attempts, 1);
    EXPECT_EQ(trial.ran_ms, 5);
    EXPECT_EQ(trial.reports.back(), std::make_pair(int64_t{1}, 2.0));
  }
  // The first of equals goes on, so that the sweep has found something.
  EXPECT_EQ(now.best, 1u);
  EXPECT_EQ(now.trial(1).reports.back().first, 3);
  EXPECT_EQ(now.trial(1).value, now.trial(1).reports.back().second);
}

constexpr const char* kStopEarly =
    "name: s\ncommand: p ${x}\nsweep:\n  metric: {name: loss, best: BEST}\n  method: random\n"
    "  trials: 3\n  stop_early: {after: 1, grace: 1}\n  parameters: {x: {min: 0, max: 1}}\n";

std::string stop_early_spec(const std::string& best) {
  std::string spec = kStopEarly;
  return spec.replace(spec.find("BEST"), 4, best);
}

// The second trial falls behind at step 2, the third is better than it looked there.
std::vector<std::string> late_bloomers(uint64_t trial, const std::string&) {
  if (trial == 1) return {"5", "5", "5"};
  if (trial == 2) return {"6", "7"};
  return {"8", "8", "1", "2"};
}

// Three late bloomers, of which the second ends in `second`; what the optimiser knows is what is
// recorded.
class StoppedEarly : public Driver {
 protected:
  SweepState run(const char* best, Outcome second) {
    begin(stop_early_spec(best));
    agents_.values = late_bloomers;
    agents_.outcome = [second](uint64_t trial, int) {
      return trial == 2 ? second : Outcome::succeeded;
    };
    EXPECT_TRUE(drive().ok());
    SweepState now = state();
    for (uint64_t trial = 1; trial <= 3; ++trial) {
      const auto& value = now.trial(trial).value;
      EXPECT_EQ(known(trial)["state"] == "done", value.has_value());
      if (value) {
        EXPECT_EQ(known(trial)["cost"], *value);
      }
    }
    return now;
  }
};

TEST_F(StoppedEarly, TheOptimiserLearnsWhatIsRecorded) {
  SweepState now = run("false", Outcome::stopped);
  EXPECT_EQ(now.trial(1).value, 5);
  EXPECT_EQ(now.trial(2).outcome, TrialOutcome::pruned);
  EXPECT_EQ(now.trial(2).value, 7);
  EXPECT_EQ(now.trial(3).outcome, TrialOutcome::value) << "it ended before it was stopped";
  EXPECT_EQ(now.trial(3).value, 2);
  EXPECT_EQ(now.trial(3).reports.size(), 2u) << "what comes after a verdict is not recorded";
}

TEST_F(StoppedEarly, TheBestReportCountsWhereTheSpecSaysSo) {
  SweepState now = run("true", Outcome::stopped);
  EXPECT_EQ(now.trial(1).value, 5);
  EXPECT_EQ(now.trial(2).outcome, TrialOutcome::pruned);
  EXPECT_EQ(now.trial(2).value, 6);
  EXPECT_EQ(now.trial(3).value, 1);
}

TEST_F(StoppedEarly, AProgramThatFailsBeforeIsAFailure) {
  EXPECT_EQ(run("false", Outcome::failed).trial(2).outcome, TrialOutcome::failed);
  EXPECT_EQ(known(2)["state"], "failed");
}

TEST_F(StoppedEarly, ManyReportsAreAllTaken) {
  begin(stop_early_spec("false"));
  agents_.values = [](uint64_t, const std::string&) {
    return std::vector<std::string>(12'000, "1");
  };
  ASSERT_TRUE(drive().ok());
  EXPECT_EQ(state().trial(1).reports.size(), 12'000u);
}

// Death between any two writes of the driver, at every place there is.
TEST_F(Driver, CutOffAnywhereItGoesOnWithoutLosingOrRepeatingATrial) {
  class Cut : public SweepView {
   public:
    explicit Cut(uint64_t at) : at_(at) {}
    void event(const SweepEvent& event, const SweepState&) override {
      if (event.number == at_) throw at_;
    }
    void tick(const SweepState&, size_t) override {}
    void tell(const std::string&) override {}
    uint64_t at_;
  };
  uint64_t cuts = 0;
  for (uint64_t at = 3; at < 60 && !state().ended; at += 2) {
    Cut cut(at);
    FakeAgents agents(ledger_, clock_);  // the former's agents died with it
    SweepParts parts{sweeps_, ledger_, clock_, agents, cut, identity(), 8, {}};
    SweepTimes quick;
    quick.beat_ttl = 20;
    parts.times = quick;
    try {
      ASSERT_TRUE(SweepDriver(parts).run(sweep_.base.id, std::nullopt).ok());
    } catch (uint64_t) {
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 5u);
  SweepState now = state();
  EXPECT_TRUE(now.ended);
  ASSERT_EQ(now.trials.size(), 6u);
  EXPECT_EQ(now.counts[0], 6);
  auto jobs = ledger_.list(100);
  ASSERT_TRUE(jobs.ok());
  EXPECT_EQ(jobs->size(), 6u);
  EXPECT_TRUE(view_.told.empty());
}

}  // namespace
}  // namespace baton
