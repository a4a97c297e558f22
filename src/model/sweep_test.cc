#include "model/sweep.h"

#include <gtest/gtest.h>

#include <random>

namespace baton {
namespace {

using Type = SweepEventType;

SweepSpec spec() {
  SweepSpec spec;
  spec.metric = "loss";
  spec.trials = 10;
  Dimension x;
  x.name = "x";
  x.max = 1;
  spec.space.dimensions.push_back(x);
  return spec;
}

class SweepFold : public testing::Test {
 protected:
  SweepEvent event(Type type, uint64_t trial = 0) {
    SweepEvent event;
    event.type = type;
    event.number = state_.events + 1;
    event.nonce = "nonce" + std::to_string(event.number);
    event.at_ms = 1000 * static_cast<int64_t>(event.number);
    event.trial = trial;
    event.job = "261122-013422-k3f9q2";
    event.params = {{"x", Json(0.5)}};
    event.name = "s";
    event.agent = "a";
    return event;
  }
  Status add(const SweepEvent& event) {
    auto read = decode_sweep_event(encode_sweep_event(event), "event");
    if (!read.ok()) return read.error();
    BATON_TRY(may_follow(state_, *read));
    apply(state_, *read, spec_);
    return {};
  }
  Status add(Type type, uint64_t trial = 0) { return add(event(type, trial)); }
  // Trial 1 reports 0.5 at step 3, and is to pause.
  void report_and_pause() {
    begin();
    ASSERT_TRUE(add(Type::asked, 1).ok());
    SweepEvent reported = event(Type::reported);
    reported.reports = {{1, 3, 0.5}};
    reported.verdicts = {{1, false}};
    ASSERT_TRUE(add(reported).ok());
  }
  Status close(uint64_t trial, std::optional<double> value) {
    SweepEvent closed = event(Type::closed, trial);
    closed.value = value;
    closed.outcome = value ? TrialOutcome::value : TrialOutcome::failed;
    return add(closed);
  }
  void begin() {
    ASSERT_TRUE(add(Type::created).ok());
    ASSERT_TRUE(add(Type::claimed).ok());
  }

  SweepSpec spec_ = spec();
  SweepState state_ = initial_state(spec_);
};

TEST_F(SweepFold, CountsEachTrialOnceAndKeepsTheBest) {
  begin();
  for (uint64_t trial = 1; trial <= 3; ++trial) ASSERT_TRUE(add(Type::asked, trial).ok());
  EXPECT_EQ(state_.open, (std::vector<uint64_t>{1, 2, 3}));
  ASSERT_TRUE(close(2, 0.4).ok());
  ASSERT_TRUE(close(1, 0.7).ok());
  ASSERT_TRUE(close(3, std::nullopt).ok());
  EXPECT_EQ(state_.best, 2u);
  EXPECT_EQ(state_.closed(), 3);
  EXPECT_TRUE(state_.open.empty());
  EXPECT_TRUE(close(2, 0.1).is(Code::corrupt));
}

TEST_F(SweepFold, RefusesWhatMayNotFollow) {
  EXPECT_TRUE(add(Type::claimed).is(Code::corrupt));  // before created
  begin();
  EXPECT_TRUE(add(Type::asked, 2).is(Code::corrupt));   // trial 1 comes first
  EXPECT_TRUE(add(Type::paused, 1).is(Code::corrupt));  // no such trial
  SweepEvent gap = event(Type::asked, 1);
  ++gap.number;
  EXPECT_TRUE(add(gap).is(Code::corrupt));
  ASSERT_TRUE(add(Type::ended).ok());
  EXPECT_TRUE(add(Type::asked, 1).is(Code::corrupt));
  EXPECT_TRUE(add(Type::claimed).is(Code::corrupt));
  ASSERT_TRUE(add(Type::resumed).ok());
  EXPECT_TRUE(add(Type::asked, 1).is(Code::corrupt));  // no driver any more
}

TEST_F(SweepFold, PausesAndResumesATrial) {
  report_and_pause();
  EXPECT_EQ(state_.trial(1).state, SweepTrial::State::pausing);
  ASSERT_TRUE(add(Type::paused, 1).ok());
  EXPECT_EQ(state_.paused, 1);
  EXPECT_TRUE(state_.open.empty());
  ASSERT_TRUE(add(Type::asked, 1).ok());
  EXPECT_EQ(state_.trials.size(), 1u);
  EXPECT_EQ(state_.paused, 0);
  EXPECT_EQ(state_.trial(1).reports.back(), std::make_pair(int64_t{3}, 0.5));
}

TEST_F(SweepFold, APausedTrialTellsHowLongItHasRun) {
  report_and_pause();
  SweepEvent paused = event(Type::paused, 1);
  // An earlier baton did not say.
  auto bare = decode_sweep_event(
      R"({"number": 5, "type": "paused", "nonce": "n", "at_ms": 1, "trial": 1})", "event");
  ASSERT_TRUE(bare.ok()) << bare.error().message;
  EXPECT_EQ(bare->attempts, 0);
  paused.ran_ms = 70;
  paused.attempts = 2;
  ASSERT_TRUE(add(paused).ok());
  EXPECT_EQ(state_.trial(1).ran_ms, 70);
  EXPECT_EQ(state_.trial(1).attempts, 2);
}

TEST(SweepTrials, ReportsAreWorthTheLastOrTheBest) {
  SweepTrial trial;
  SweepSpec wanted = spec();
  EXPECT_FALSE(reported_value(trial, wanted));
  trial.reports = {{1, 0.5}, {2, 0.2}, {3, 0.4}};
  EXPECT_EQ(reported_value(trial, wanted), 0.4);
  wanted.best = true;
  EXPECT_EQ(reported_value(trial, wanted), 0.2);
  wanted.maximize = true;
  EXPECT_EQ(reported_value(trial, wanted), 0.5);
}

TEST_F(SweepFold, ATrialThatIsAboutToPauseMayGoOn) {
  report_and_pause();
  ASSERT_TRUE(add(Type::asked, 1).ok());
  EXPECT_EQ(state_.trial(1).state, SweepTrial::State::open);
  EXPECT_EQ(state_.open, (std::vector<uint64_t>{1}));
  EXPECT_EQ(state_.paused, 0);
  EXPECT_TRUE(add(Type::paused, 1).is(Code::corrupt));
}

TEST_F(SweepFold, ResumingSetsLimitsAndTakesBackAStop) {
  begin();
  ASSERT_TRUE(add(Type::stop_requested).ok());
  SweepEvent resumed = event(Type::resumed);
  resumed.trials = 100;
  resumed.target = 0.25;
  ASSERT_TRUE(add(resumed).ok());
  EXPECT_FALSE(state_.stop_requested);
  EXPECT_EQ(state_.max_trials, 100);
  EXPECT_EQ(*state_.target, 0.25);
  EXPECT_EQ(state_.parallel, 1);
}

TEST_F(SweepFold, CountsTimeOnlyWhileADriverIsAtWork) {
  begin();  // claimed at 2 s
  ASSERT_TRUE(add(Type::asked, 1).ok());
  EXPECT_EQ(state_.used_ms, 1000);
  SweepEvent claimed = event(Type::claimed);  // much later, by another driver
  claimed.at_ms = 1'000'000;
  ASSERT_TRUE(add(claimed).ok());
  EXPECT_EQ(state_.used_ms, 1000);
}

TEST_F(SweepFold, WhatOthersWriteIsNoTimeOfTheDriver) {
  begin();  // claimed at 2 s
  ASSERT_TRUE(add(Type::asked, 1).ok());
  // The driver was killed, and in the morning somebody looks.
  SweepEvent stop = event(Type::stop_requested);
  stop.at_ms = 30'000'000;
  ASSERT_TRUE(add(stop).ok());
  EXPECT_EQ(state_.used_ms, 1000);
}

TEST_F(SweepFold, NewLimitsInBetweenLoseNoTime) {
  begin();  // claimed at 2 s
  SweepEvent resumed = event(Type::resumed);
  resumed.at_ms = 6'000;
  ASSERT_TRUE(add(resumed).ok());
  SweepEvent asked = event(Type::asked, 1);
  asked.at_ms = 7'000;
  ASSERT_TRUE(add(asked).ok());
  EXPECT_EQ(state_.used_ms, 5'000);
}

TEST(SweepEvents, RefuseEveryDamage) {
  SweepEvent event;
  event.type = Type::closed;
  event.number = 7;
  event.nonce = "n";
  event.trial = 3;
  event.value = 0.25;
  const std::string good = encode_sweep_event(event);
  ASSERT_TRUE(decode_sweep_event(good, "event").ok());
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    auto read = decode_sweep_event(bad, "event");  // must not crash; may still be well formed
    EXPECT_TRUE(read.ok() || read.is(Code::corrupt) || read.is(Code::too_new));
  }
  EXPECT_TRUE(
      decode_sweep_event(R"({"number":1,"type":"danced","nonce":"n"})", "event").is(Code::too_new));
  EXPECT_TRUE(decode_sweep_event(R"({"number":1,"type":"closed","nonce":"n","outcome":"odd"})", "e")
                  .is(Code::too_new));
}

TEST(TrialJob, IsAFunctionOfRecordAndEvent) {
  Sweep sweep;
  sweep.base.id = "261122-013422-k3f9q2";
  sweep.base.nonce = "n";
  sweep.base.spec.command = "p --x ${x} --y ${y}";
  sweep.base.spec.params = {{"y", Json("it's")}, {"x", Json(1)}};
  sweep.base.spec.sweep = spec();
  sweep.base.argv = {"/bin/sh", "-c", sweep.base.spec.command};
  SweepTrial trial;
  trial.job = "261122-013423-000000";
  trial.nonce = "m";
  trial.params = {{"x", Json(0.25)}};
  auto job = trial_job(sweep, 7, trial);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->argv[2], "p --x 0.25 --y 'it'\\''s'");
  EXPECT_EQ(listed_name(*job), "job+7");
  EXPECT_EQ(encode_job(*job), encode_job(*trial_job(sweep, 7, trial)));
  auto back = decode_job(encode_job(*job), "job");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->sweep, sweep.base.id);
  EXPECT_EQ(back->trial, 7u);
  EXPECT_FALSE(back->spec.sweep);
  auto record = decode_sweep(encode_sweep(sweep), "sweep");
  ASSERT_TRUE(record.ok()) << record.error().message;
  EXPECT_TRUE(record->base.spec == sweep.base.spec);
}

TEST(TrialNames, AreTold) {
  EXPECT_TRUE(is_trial_name("cnn+17"));
  for (const char* name : {"cnn", "cnn+", "cnn+0", "cnn+1a", "+1", "c+1+2"})
    EXPECT_FALSE(is_trial_name(name)) << name;
}

}  // namespace
}  // namespace baton
