#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tune/budget_fixture.h"

namespace baton {
namespace {

TEST(Pbt, ReplacesTheWorstByCopiesOfTheBest) {
  TuneOptions options = rungs("pbt", 60);
  options.max_step = 20;
  options.parallel = 4;
  auto tuner = test_tuner(test_space(kSpace), options);
  Player player(curve, 4, 20);
  while (player.move(*tuner)) {
  }
  int copies = 0, better = 0;
  std::map<uint64_t, double> x;
  for (const auto& trial : player.asked()) {
    x[trial.id] = number(trial.params, "x");
    if (trial.parent == 0) continue;
    ++copies;
    ASSERT_TRUE(x.count(trial.parent));
    // Checkpoints come from good members: those near 0.3.
    better += std::abs(x[trial.parent] - 0.3) < 0.25;
  }
  EXPECT_LE(player.asked().size(), 60u);
  EXPECT_GE(copies, 20);
  EXPECT_GE(better, copies * 9 / 10);
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
  EXPECT_NEAR(number(tuner->best()->params, "x"), 0.3, 0.05);
}

TEST(Pbt, MoreTrialsAreFurtherPopulationsNearTheBest) {
  TuneOptions options = rungs("pbt", 8);
  options.parallel = 2;
  auto tuner = test_tuner(test_space(kSpace), options);
  Player player(curve, 2, 9);
  while (player.move(*tuner)) {
  }
  const size_t before = player.asked().size();
  const double best = number(tuner->best()->params, "x");
  tuner->extend(21);
  auto saved = load_tuner(tuner->save());
  ASSERT_TRUE(saved.ok()) << saved.error().message;
  Player same = player;
  while (player.move(*tuner)) {
  }
  while (same.move(**saved)) {
  }
  EXPECT_EQ(player.log(), same.log());
  ASSERT_EQ(player.asked().size(), 21u);
  EXPECT_EQ(player.asked()[before].parent, 0u) << "everybody is complete";
  EXPECT_NEAR(number(player.asked()[before].params, "x"), best, 0.1 + 1e-9);
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
  for (const auto& [id, verdict] : player.verdicts()) EXPECT_EQ(verdict, Verdict::stop) << id;
}

TEST(Pbt, ThePopulationAdvancesTogether) {
  TuneOptions options = rungs("pbt");
  options.parallel = 2;  // of 8 members
  options.max_step = 5;
  auto tuner = test_tuner(test_space(kSpace), options);
  Player player([](const Params&, int64_t) { return 1.0; }, 2, 5);
  for (int i = 0; i < 200; ++i) {
    if (!player.move(*tuner)) break;
    int64_t least = 99, most = 0;
    for (const auto& [id, step] : player.steps())
      least = std::min(least, step), most = std::max(most, step);
    if (player.asked().size() == 8) {
      EXPECT_LE(most - least, 2);
    }
  }
  // Equal members are never replaced.
  EXPECT_EQ(player.asked().size(), 8u);
  for (const auto& [id, step] : player.steps()) EXPECT_EQ(step, 5);
}

TEST(Pbt, OnlyWhatHasStepsLeftIsCopied) {
  auto tuner = test_tuner(test_space(kSpace), rungs("pbt"));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
  ASSERT_EQ(*tuner->report(1, 9, 1.0), Verdict::stop);
  ASSERT_TRUE(tuner->report(2, 1, 5.0).ok());
  ASSERT_TRUE(tuner->fail(8).ok());
  EXPECT_EQ(tuner->ask()->parent, 2u);
  ASSERT_EQ(*tuner->report(2, 9, 5.0), Verdict::stop);
  ASSERT_TRUE(tuner->fail(7).ok());
  auto anew = tuner->ask();
  ASSERT_TRUE(anew.ok());
  EXPECT_EQ(anew->parent, 0u) << "both are complete";
}

TEST(Pbt, UntilIsWhereTheNextVerdictMayCome) {
  TuneOptions options = rungs("pbt");
  options.min_step = 4;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(tuner->ask()->until, 4);
  ASSERT_EQ(*tuner->report(1, 3, 1.0), Verdict::go_on);
  ASSERT_EQ(*tuner->report(1, 5, 1.0), Verdict::go_on);
  ASSERT_TRUE(tuner->fail(8).ok());
  ASSERT_EQ(*tuner->report(2, 4, 2.0), Verdict::pause) << "a place is empty";
  auto copy = tuner->ask();
  EXPECT_EQ(copy->parent, 1u);
  EXPECT_EQ(copy->until, 8);
  auto resumed = tuner->ask();
  EXPECT_EQ(resumed->id, 2u);
  EXPECT_EQ(resumed->until, 8);
  ASSERT_EQ(*tuner->report(1, 8, 1.0), Verdict::go_on);
  ASSERT_TRUE(tuner->fail(7).ok());
  EXPECT_EQ(tuner->ask()->until, 9) << "the last step";
}

TEST(Pbt, TheWorstGoesOnWhenNobodyBetterCanBeCopied) {
  auto tuner = test_tuner(test_space(kSpace), rungs("pbt"));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 6; ++id)
    ASSERT_EQ(*tuner->report(id, 9, static_cast<double>(id)), Verdict::stop);
  EXPECT_EQ(*tuner->report(7, 1, 20.0), Verdict::go_on);
  ASSERT_EQ(*tuner->report(8, 1, 10.0), Verdict::go_on);
  EXPECT_EQ(*tuner->report(7, 2, 20.0), Verdict::stop) << "trial 8 can be copied";
}

TEST(Pbt, KnownPointsUseUpNoneOfItsTrials) {
  TuneOptions options = rungs("pbt", 9);
  options.parallel = 8;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (double x : {0.1, 0.2, 0.3}) ASSERT_TRUE(tuner->add({{"x", x}}, x).ok());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 4; id <= 10; ++id)
    ASSERT_EQ(*tuner->report(id, 1, 20.0 - static_cast<double>(id)), Verdict::go_on);
  EXPECT_EQ(*tuner->report(11, 1, 30.0), Verdict::stop);
  auto ninth = tuner->ask();
  ASSERT_TRUE(ninth.ok()) << ninth.error().message;
  EXPECT_EQ(ninth->id, 12u);
  EXPECT_EQ(ninth->parent, 10u);
}

TEST(Pbt, NobodyWaitsForAPlaceThatCannotBeFilled) {
  TuneOptions options = rungs("pbt", 9);
  options.parallel = 8;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 6; ++id)
    ASSERT_EQ(*tuner->report(id, 1, 10.0 - static_cast<double>(id)), Verdict::go_on);
  EXPECT_EQ(*tuner->report(7, 1, 20.0), Verdict::stop);
  EXPECT_EQ(*tuner->report(8, 1, 30.0), Verdict::pause) << "the ninth trial takes the other place";
  ASSERT_EQ(tuner->ask()->id, 9u);
  ASSERT_EQ(*tuner->report(9, 2, 1.0), Verdict::pause) << "trial 8 is behind";
  EXPECT_EQ(tuner->ask()->id, 8u);
  ASSERT_TRUE(tuner->forget(8).ok());
  EXPECT_TRUE(tuner->ask()->resumed);
}

TEST(Pbt, ForASweepWhatIsTakenBackIsUsedUp) {
  for (bool frees : {false, true}) {
    TuneOptions options = rungs("pbt", 8);
    options.parallel = 8;
    options.forget_frees = frees;
    auto tuner = test_tuner(test_space(kSpace), options);
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
    ASSERT_TRUE(tuner->forget(8).ok());
    EXPECT_EQ(*tuner->report(1, 1, 1.0), frees ? Verdict::pause : Verdict::go_on);
    EXPECT_EQ(tuner->ask().ok(), frees);
  }
}

TEST(Pbt, PenalisedFailuresAreTheWorstOfTheStepsThatTheyCameTo) {
  for (Failures way : {Failures::exclude, Failures::penalise}) {
    TuneOptions options = rungs("pbt");
    options.failures = way;
    auto tuner = test_tuner(test_space(kSpace), options);
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
    for (uint64_t id = 1; id <= 4; ++id)
      ASSERT_EQ(*tuner->report(id, 1, static_cast<double>(5 - id)), Verdict::go_on);
    ASSERT_TRUE(tuner->fail(4).ok());  // the best until then
    ASSERT_EQ(tuner->ask()->parent, 3u) << "what failed is not copied";
    // The worst place is taken by the failure, which has been replaced already.
    const bool penalised = way == Failures::penalise;
    EXPECT_EQ(*tuner->report(5, 1, 20.0), penalised ? Verdict::go_on : Verdict::stop);
  }
}

TEST(Pbt, AFailedMemberIsReplaced) {
  TuneOptions options = rungs("pbt");
  auto tuner = test_tuner(test_space(kSpace), options);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tuner->ask().ok());
  EXPECT_TRUE(tuner->ask().is(Code::transient));
  for (uint64_t id = 1; id <= 4; ++id)
    ASSERT_TRUE(tuner->report(id, 1, static_cast<double>(id)).ok());
  ASSERT_TRUE(tuner->fail(8).ok());
  auto replacement = tuner->ask();
  ASSERT_TRUE(replacement.ok());
  EXPECT_EQ(replacement->parent, 1u);
  ASSERT_TRUE(tuner->forget(replacement->id).ok());
  EXPECT_EQ(tuner->ask()->parent, 1u);
}

}  // namespace
}  // namespace baton
