#include "tune/stop_early.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tune/testing.h"

namespace baton {
namespace {

std::unique_ptr<Tuner> median_rule(StopEarlyOptions options = {}, Goal goal = Goal::minimize) {
  TuneOptions tune;
  tune.method = "random";
  tune.goal = goal;
  auto tuner = make_stop_early(test_tuner(test_space(R"({"x": {"min": 0, "max": 1}})"), tune),
                               options, goal);
  EXPECT_TRUE(tuner.ok());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE((*tuner)->ask().ok());
  return std::move(*tuner);
}

TEST(StopEarly, StopsWhatIsWorseThanTheMedian) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 3; ++id)
    for (int64_t step = 1; step <= 3; ++step) {
      auto verdict = tuner->report(id, step, static_cast<double>(id));
      // Two others have been at step 2, and the third is worse than both.
      const Verdict wanted = id == 3 && step == 2 ? Verdict::stop : Verdict::go_on;
      if (id < 3 || step < 3) {
        EXPECT_EQ(*verdict, wanted) << id << " at " << step;
      }
    }
  EXPECT_EQ(tuner->pending().size(), 4u);
  EXPECT_EQ(tuner->best()->value, 3);  // the stopped trial is closed with its last report
  EXPECT_EQ(*tuner->report(4, 1, 99), Verdict::go_on);  // grace
  EXPECT_EQ(*tuner->report(4, 2, 1.5), Verdict::go_on);
}

TEST(StopEarly, AshaKeepsTheBestShareAtItsRungs) {
  // Rungs at 2, 6, 18: the best third of those that have come to each goes on.
  StopEarlyOptions asha{2, 1, StopRule::asha, 3};
  auto tuner = median_rule(asha);
  auto report = [&](uint64_t id, int64_t step, double value) {
    return *tuner->report(id, step, value);
  };
  EXPECT_EQ(report(1, 2, 5), Verdict::go_on);
  EXPECT_EQ(report(2, 2, 4), Verdict::go_on);  // one other is too few to compare with
  EXPECT_EQ(report(3, 1, 9), Verdict::go_on);
  EXPECT_EQ(report(3, 2, 4.5), Verdict::stop);  // better than the median, but not the best of three
  EXPECT_EQ(report(4, 2, 4), Verdict::go_on);   // as good as the best
  EXPECT_EQ(report(4, 5, 99), Verdict::go_on);  // between rungs; and its best so far counts
  EXPECT_EQ(report(1, 7, 3), Verdict::go_on);   // the first two that come to the rung at 6
  EXPECT_EQ(report(2, 6, 2), Verdict::go_on);
  EXPECT_EQ(report(4, 8, 2.5), Verdict::stop);  // crossed at 8
  EXPECT_EQ(tuner->pending().size(), 3u);
  // Two rungs at once: hopeless at the first of them.
  EXPECT_EQ(report(5, 19, 9), Verdict::stop);
}

TEST(StopEarly, AshaMaximizesAndGoesOnFromWhatWasSaved) {
  auto tuner = median_rule({1, 0, StopRule::asha, 2}, Goal::maximize);
  ASSERT_EQ(*tuner->report(1, 1, 0.5), Verdict::go_on);
  auto loaded = load_any_tuner(*parse_json(dump_json(tuner->save()), "saved"));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  for (auto* one : {tuner.get(), loaded->get()}) {
    EXPECT_EQ(*one->report(2, 1, 0.7), Verdict::go_on);
    EXPECT_EQ(*one->report(3, 1, 0.6), Verdict::stop);
  }
}

TEST(StopEarly, ItsBestSoFarCounts) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 4; ++step) ASSERT_TRUE(tuner->report(id, step, 2).ok());
  ASSERT_TRUE(tuner->report(3, 1, 1).ok());
  EXPECT_EQ(*tuner->report(3, 2, 50), Verdict::go_on);
}

TEST(StopEarly, MaximizesToo) {
  auto tuner = median_rule({}, Goal::maximize);
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 2; ++step) ASSERT_TRUE(tuner->report(id, step, 0.9).ok());
  ASSERT_TRUE(tuner->report(3, 1, 0.5).ok());
  EXPECT_EQ(*tuner->report(3, 2, 0.5), Verdict::stop);
  EXPECT_EQ(*tuner->report(4, 2, 0.95), Verdict::go_on);
}

TEST(StopEarly, WaitsForEnoughOthersAndForTheGrace) {
  auto tuner = median_rule({3, 5});
  for (uint64_t id = 1; id <= 3; ++id)
    for (int64_t step = 1; step <= 6; ++step)
      EXPECT_EQ(*tuner->report(id, step, static_cast<double>(id)), Verdict::go_on);
  EXPECT_EQ(*tuner->report(4, 5, 9), Verdict::go_on);
  EXPECT_EQ(*tuner->report(4, 6, 9), Verdict::stop);
}

TEST(StopEarly, IgnoresRepeatsNonsenseAndFailures) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 2; ++step) ASSERT_TRUE(tuner->report(id, step, 1).ok());
  EXPECT_EQ(*tuner->report(3, 2, NAN), Verdict::go_on);
  ASSERT_TRUE(tuner->fail(1).ok());
  EXPECT_EQ(*tuner->report(3, 2, 9), Verdict::go_on);  // only one other is left
  EXPECT_TRUE(tuner->report(99, 1, 1).is(Code::invalid));
}

TEST(StopEarly, WhatWasTakenBackIsNobodysMeasure) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 2; ++step) ASSERT_TRUE(tuner->report(id, step, 1).ok());
  ASSERT_TRUE(tuner->forget(1).ok());
  EXPECT_EQ(*tuner->report(3, 2, 9), Verdict::go_on);
  EXPECT_EQ(*tuner->report(4, 2, 9.5), Verdict::stop);
  ASSERT_TRUE(tuner->forget(4).ok()) << "a stopped one, too";
  ASSERT_TRUE(tuner->tell(2, NAN).ok()) << "which is a failure";
  EXPECT_EQ(*tuner->report(5, 2, 99), Verdict::go_on);
  EXPECT_EQ(tuner->save()["curves"].size(), 2u);
}

TEST(StopEarly, AResumedTrialThatWasTakenBackIsOnlyPaused) {
  TuneOptions tune;
  tune.method = "asha";
  tune.max_step = 9;
  auto made = make_stop_early(test_tuner(test_space(R"({"x": {"min": 0, "max": 1}})"), tune),
                              {9, 1}, Goal::minimize);
  ASSERT_TRUE(made.ok());
  auto& tuner = **made;
  ASSERT_TRUE(tuner.ask().ok());
  ASSERT_EQ(*tuner.report(1, 1, 3), Verdict::pause);
  ASSERT_TRUE(tuner.ask().ok());
  ASSERT_TRUE(tuner.forget(2).ok());
  ASSERT_EQ(tuner.ask_paused().is(Code::not_found), false);
  ASSERT_EQ(*tuner.report(1, 2, 2), Verdict::go_on);
  const Json curves = tuner.save()["curves"];
  ASSERT_EQ(curves.size(), 1u);
  ASSERT_TRUE(tuner.forget(1).ok());
  EXPECT_EQ(tuner.save()["curves"], curves) << "paused again";
  ASSERT_TRUE(tuner.forget(1).ok());
  EXPECT_TRUE(tuner.save()["curves"].empty());
}

TEST(StopEarly, WhatAClosedTrialReportsIsNobodysMeasure) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id) ASSERT_TRUE(tuner->report(id, 1, 1).ok());
  ASSERT_TRUE(tuner->tell(1, 1).ok());
  const Json curves = tuner->save()["curves"];
  EXPECT_EQ(*tuner->report(1, 2, 0.5), Verdict::stop);
  EXPECT_EQ(tuner->save()["curves"], curves);
}

TEST(StopEarly, GoesOnFromWhatWasSaved) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 2; ++step) ASSERT_TRUE(tuner->report(id, step, 1).ok());
  Json saved = *parse_json(dump_json(tuner->save()), "saved");
  auto loaded = load_any_tuner(saved);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ((*loaded)->save(), saved);
  EXPECT_EQ(*(*loaded)->report(3, 2, 9), Verdict::stop);
  // As baton wrote it before stopped trials could be told how they ended.
  saved["tuner"]["version"] = 1;
  saved["tuner"]["options"].erase("best");
  EXPECT_TRUE(load_any_tuner(saved).ok());
  saved["curves"] = 7;
  EXPECT_TRUE(load_any_tuner(saved).is(Code::invalid));
  saved["stop_early"] = 99;
  EXPECT_TRUE(load_any_tuner(saved).is(Code::too_new));
  EXPECT_TRUE(load_any_tuner(Json(3)).is(Code::invalid));
}

// The program may end before it hears of the verdict.
TEST(StopEarly, HowAStoppedTrialEndedCounts) {
  auto tuner = median_rule();
  for (uint64_t id = 1; id <= 2; ++id)
    for (int64_t step = 1; step <= 2; ++step) ASSERT_TRUE(tuner->report(id, step, 2).ok());
  for (uint64_t id = 3; id <= 5; ++id)
    ASSERT_EQ(*tuner->report(id, 2, 6.0 + static_cast<double>(id)), Verdict::stop);
  auto loaded = load_any_tuner(tuner->save());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  for (auto* one : {tuner.get(), loaded->get()}) {
    EXPECT_EQ(one->best()->value, 9);
    ASSERT_TRUE(one->tell(3, 0.5).ok());
    EXPECT_EQ(one->best()->value, 0.5);
    EXPECT_TRUE(one->tell(3, 0.1).is(Code::invalid)) << "once";
    ASSERT_TRUE(one->fail(4).ok());
    ASSERT_TRUE(one->forget(5).ok());
    EXPECT_TRUE(one->report(4, 3, 1).is(Code::invalid)) << "it is no longer stopped, but failed";
    Json trials = one->save()["tuner"]["trials"];
    EXPECT_EQ(trials[2]["cost"], 0.5);
    EXPECT_EQ(trials[3]["state"], "failed");
    EXPECT_EQ(trials[4]["state"], "forgotten");
  }
  EXPECT_EQ(tuner->save(), (*loaded)->save());
}

TEST(StopEarly, StopsOnlyWhatHasReported) {
  auto tuner = median_rule();
  EXPECT_TRUE(tuner->stop(1).is(Code::invalid));
  ASSERT_TRUE(tuner->report(1, 1, 3).ok());
  ASSERT_TRUE(tuner->stop(1).ok());
  EXPECT_EQ(tuner->best()->value, 3);
  EXPECT_TRUE(tuner->stop(1).is(Code::invalid));
}

TEST(StopEarly, TheBestReportIsTheValueWhereThatIsWanted) {
  TuneOptions tune;
  tune.method = "random";
  tune.goal = Goal::maximize;
  tune.best = true;
  auto made = make_stop_early(test_tuner(test_space(R"({"x": {"min": 0, "max": 1}})"), tune),
                              {1, 1}, Goal::maximize);
  ASSERT_TRUE(made.ok());
  auto& tuner = **made;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(tuner.ask().ok());
  ASSERT_TRUE(tuner.report(1, 2, 0.9).ok());
  ASSERT_EQ(*tuner.report(2, 1, 0.7), Verdict::go_on);
  ASSERT_EQ(*tuner.report(2, 2, 0.2), Verdict::stop);
  EXPECT_EQ(tuner.best()->value, 0.7);
  auto loaded = load_any_tuner(tuner.save());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ((*loaded)->save(), tuner.save());
}

TEST(StopEarly, TurnsAwayBadOptions) {
  EXPECT_TRUE(make_stop_early(nullptr, {0, 1}, Goal::minimize).is(Code::invalid));
  EXPECT_TRUE(make_stop_early(nullptr, {StopEarlyOptions::kMostAfter + 1, 1}, Goal::minimize)
                  .is(Code::invalid));
  EXPECT_TRUE(make_stop_early(nullptr, {1, -1}, Goal::minimize).is(Code::invalid));
  EXPECT_TRUE(
      make_stop_early(nullptr, {1, 1, StopRule::asha, 1}, Goal::minimize).is(Code::invalid));
}

}  // namespace
}  // namespace baton
