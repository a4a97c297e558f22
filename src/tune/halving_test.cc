#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tune/budget_fixture.h"

namespace baton {
namespace {

TEST(Asha, PausesUntilATrialIsAmongTheBestThird) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tuner->ask()->until, 1);
  EXPECT_EQ(*tuner->report(1, 1, 5.0), Verdict::pause);  // the best third of one is nobody
  EXPECT_EQ(*tuner->report(2, 1, 7.0), Verdict::pause);
  EXPECT_EQ(tuner->pending().size(), 1u);
  EXPECT_EQ(*tuner->report(3, 1, 6.0), Verdict::pause);
  // Of three the best is promoted, from its checkpoint.
  auto promoted = tuner->ask();
  EXPECT_EQ(promoted->id, 1u);
  EXPECT_TRUE(promoted->resumed);
  EXPECT_EQ(promoted->until, 3);
  EXPECT_FALSE(tuner->ask()->resumed);
}

TEST(Asha, GoesOnAtOnceWithTheBest) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(tuner->ask().ok());
  ASSERT_EQ(*tuner->report(1, 1, 5.0), Verdict::pause);
  ASSERT_EQ(*tuner->report(2, 1, 7.0), Verdict::pause);
  EXPECT_EQ(*tuner->report(3, 1, 1.0), Verdict::go_on);
  EXPECT_EQ(*tuner->report(3, 2, 1.0), Verdict::go_on);
  EXPECT_EQ(*tuner->report(3, 3, 1.0), Verdict::pause);
}

// A program that reports only now and then comes to several rungs at once.
TEST(Asha, WhoReportsTheLastStepIsComplete) {
  for (const char* method : {"asha", "hyperband"}) {
    auto tuner = test_tuner(test_space(kSpace), rungs(method, 6));
    for (uint64_t id = 1; id <= 6; ++id) ASSERT_TRUE(tuner->ask().ok());
    for (uint64_t id = 1; id <= 6; ++id)
      EXPECT_EQ(*tuner->report(id, 9, static_cast<double>(id)), Verdict::stop) << method << id;
    EXPECT_EQ(tuner->best()->id, 1u);
    EXPECT_TRUE(tuner->ask().is(Code::not_found)) << method;
  }
}

TEST(Asha, ReportsBeyondARungCountThereWhenATrialIsPromoted) {
  TuneOptions options = rungs("asha", 6);
  options.max_step = 27;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (uint64_t id = 1; id <= 6; ++id) ASSERT_TRUE(tuner->ask().ok());
  EXPECT_EQ(*tuner->report(1, 10, 1), Verdict::pause);
  EXPECT_EQ(*tuner->report(2, 10, 2), Verdict::pause);
  EXPECT_EQ(*tuner->report(3, 2, 3), Verdict::pause);
  // At step 1 the first is the best of three, but at 3 and at 9 there are only two.
  EXPECT_TRUE(tuner->ask().is(Code::transient));
  const Json before = tuner->save();
  EXPECT_TRUE(tuner->ask().is(Code::transient));
  EXPECT_EQ(tuner->save(), before);
  EXPECT_EQ(*tuner->report(4, 10, 4), Verdict::pause);
  auto promoted = tuner->ask();
  ASSERT_TRUE(promoted.ok()) << promoted.error().message;
  EXPECT_EQ(promoted->id, 1u);
  EXPECT_EQ(promoted->until, 27) << "it has been at 1, 3 and 9";
}

TEST(Asha, StopsAtTheLastRungWithTheLastReport) {
  TuneOptions options = rungs("asha");
  options.max_step = options.min_step = 2;
  auto tuner = test_tuner(test_space(kSpace), options);
  ASSERT_TRUE(tuner->ask().ok());
  EXPECT_EQ(*tuner->report(1, 1, 3.0), Verdict::go_on);
  EXPECT_EQ(*tuner->report(1, 2, 2.5), Verdict::stop);
  EXPECT_EQ(tuner->best()->value, 2.5);
  EXPECT_TRUE(tuner->pending().empty());
}

TEST(Asha, FailedTrialsAreNobodysMeasure) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(tuner->ask().ok());
  ASSERT_EQ(*tuner->report(1, 1, 1.0), Verdict::pause);
  ASSERT_TRUE(tuner->fail(1).ok());
  ASSERT_EQ(*tuner->report(2, 1, 5.0), Verdict::pause);
  ASSERT_EQ(*tuner->report(3, 1, 7.0), Verdict::pause);
  EXPECT_EQ(*tuner->report(4, 1, 4.0), Verdict::go_on);
}

TEST(Asha, PenalisedFailuresAreTheWorstThatCameToTheRung) {
  TuneOptions options = rungs("asha");
  options.failures = Failures::penalise;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(tuner->ask().ok());
  ASSERT_TRUE(tuner->fail(1).ok());
  ASSERT_EQ(*tuner->report(2, 1, 5.0), Verdict::pause);
  ASSERT_TRUE(tuner->fail(3).ok());
  auto promoted = tuner->ask();
  EXPECT_EQ(promoted->id, 2u) << "the best of three, two of which failed";
  // Three times as many failures do not promote what there is not.
  for (uint64_t id = 5; id <= 9; ++id) {
    ASSERT_EQ(tuner->ask()->id, id);
    ASSERT_TRUE(tuner->fail(id).ok());
  }
  EXPECT_FALSE(tuner->ask()->resumed);
}

// Of what is good the half right of the middle fails: only who learns from failures keeps off it.
TEST(Asha, APenalisedRegionIsAskedLessOften) {
  auto failures = [](Failures way) {
    int failed = 0;
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      TuneOptions options = rungs("asha", 120);
      options.failures = way;
      options.seed = seed;
      auto tuner = test_tuner(test_space(kSpace), options);
      for (auto trial = tuner->ask(); trial.ok(); trial = tuner->ask()) {
        const double x = number(trial->params, "x");
        if (x > 0.5) {
          ++failed;
          EXPECT_TRUE(tuner->fail(trial->id).ok());
        }
        for (int64_t step = 1; x <= 0.5 && step <= 9; ++step)
          if (auto verdict = tuner->report(trial->id, step, 0.5 - x); *verdict != Verdict::go_on)
            break;
      }
    }
    return failed;
  };
  EXPECT_LT(failures(Failures::penalise) * 4, failures(Failures::exclude) * 3);
}

TEST(Asha, TheBestReportSoFarDecidesWhereThatIsWanted) {
  for (bool best : {false, true}) {
    TuneOptions options = rungs("asha");
    options.best = best;
    options.min_step = 2;
    auto tuner = test_tuner(test_space(kSpace), options);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(tuner->ask().ok());
    ASSERT_EQ(*tuner->report(1, 2, 5.0), Verdict::pause);
    ASSERT_EQ(*tuner->report(2, 2, 7.0), Verdict::pause);
    ASSERT_EQ(*tuner->report(3, 1, 1.0), Verdict::go_on);
    EXPECT_EQ(*tuner->report(3, 2, 6.0), best ? Verdict::go_on : Verdict::pause);
    if (!best) continue;
    ASSERT_EQ(*tuner->report(3, 8, 8.0), Verdict::pause) << "one alone is no third of those at 6";
    ASSERT_TRUE(tuner->tell(3, 1.0).ok());
    EXPECT_EQ(tuner->best()->value, 1);
  }
}

TEST(Asha, HowACompleteTrialEndedCounts) {
  TuneOptions options = rungs("asha");
  options.max_step = 1;
  auto tuner = test_tuner(test_space(kSpace), options);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 2; ++id) ASSERT_EQ(*tuner->report(id, 1, 3.0), Verdict::stop);
  ASSERT_TRUE(tuner->tell(1, 2.0).ok());
  ASSERT_TRUE(tuner->forget(2).ok());
  EXPECT_EQ(tuner->best()->value, 2);
  auto loaded = load_tuner(tuner->save());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ((*loaded)->save(), tuner->save());
}

TEST(Asha, ThinsOutByTheFactorAndEndsWithThePlannedTrials) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha", 81));
  Player player(curve, 4, 9);
  while (player.move(*tuner)) {
  }
  EXPECT_EQ(player.asked().size(), 81u);
  int beyond_one = 0, beyond_three = 0;
  for (const auto& [id, step] : player.steps()) beyond_one += step > 1, beyond_three += step > 3;
  EXPECT_GE(beyond_one, 27);
  EXPECT_LE(beyond_one, 45);  // asynchronous promotions come early and are sometimes wrong
  EXPECT_GE(beyond_three, 9);
  EXPECT_LE(beyond_three, 20);
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
  EXPECT_NEAR(number(tuner->best()->params, "x"), 0.3, 0.1);
}

TEST(Asha, APromotionThatWasTakenBackIsGivenOutAgain) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 3; ++id)
    ASSERT_TRUE(tuner->report(id, 1, static_cast<double>(4 + id)).ok());
  auto promoted = tuner->ask();
  ASSERT_TRUE(promoted->resumed);
  ASSERT_TRUE(tuner->forget(promoted->id).ok());
  auto again = tuner->ask();
  EXPECT_EQ(again->id, promoted->id);
  EXPECT_EQ(again->until, promoted->until);
}

// Of fewer than nine none belongs to the best third of the best third.
TEST(Asha, FewTrialsHaveACompleteOneToo) {
  for (const char* method : {"asha", "hyperband"})
    for (uint64_t trials : {1, 2, 8, 26}) {
      TuneOptions options = rungs(method, trials);
      options.max_step = 81;
      auto tuner = test_tuner(test_space(kSpace), options);
      Player player(curve, 2, 81);
      for (int moves = 0; player.move(*tuner); ++moves) ASSERT_LT(moves, 10'000);
      EXPECT_EQ(player.asked().size(), trials);
      ASSERT_TRUE(tuner->best()) << method << " " << trials;
      EXPECT_EQ(player.steps().at(tuner->best()->id), 81);
      EXPECT_TRUE(tuner->ask().is(Code::not_found));
      EXPECT_TRUE(tuner->ask_paused().is(Code::not_found));
    }
}

TuneOptions two_of_nine_steps() { return rungs("asha", 2); }

TEST(Asha, TheBestOfTheHighestRungGoesOnUntilOneIsComplete) {
  auto tuner = test_tuner(test_space(kSpace), two_of_nine_steps());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(tuner->ask().ok());
  ASSERT_EQ(*tuner->report(1, 1, 5.0), Verdict::pause);
  EXPECT_TRUE(tuner->ask().is(Code::transient)) << "the other one may be better";
  ASSERT_EQ(*tuner->report(2, 1, 4.0), Verdict::pause);
  auto best = tuner->ask_paused();
  ASSERT_TRUE(best.ok()) << best.error().message;
  EXPECT_TRUE(best->resumed);
  EXPECT_EQ(best->id, 2u);
  EXPECT_EQ(best->until, 3);
  ASSERT_EQ(*tuner->report(2, 3, 6.0), Verdict::pause);
  EXPECT_EQ(tuner->ask()->id, 2u) << "it has come further, though it is worse now";
  ASSERT_TRUE(tuner->fail(2).ok());
  EXPECT_EQ(tuner->ask()->id, 1u) << "what failed is not complete";
  ASSERT_TRUE(tuner->tell(1, 7.0).ok());
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
}

TEST(Asha, WhoIsToBeCompletedMayBeTakenBackAndSaved) {
  auto tuner = test_tuner(test_space(kSpace), two_of_nine_steps());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id : {1, 2}) ASSERT_EQ(*tuner->report(id, 1, 4.0), Verdict::pause);
  auto best = tuner->ask();
  ASSERT_TRUE(best.ok());
  ASSERT_TRUE(tuner->forget(best->id).ok());
  auto loaded = load_tuner(tuner->save());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  for (Tuner* one : {tuner.get(), loaded->get()}) {
    auto again = one->ask();
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->id, best->id);
    EXPECT_EQ(again->until, 3) << "its rung is not moved up twice";
  }
  EXPECT_EQ((*loaded)->save(), tuner->save());
}

TEST(Asha, WhereNoneMayBeginOnlyPausedTrialsAreGivenOut) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha"));
  ASSERT_TRUE(tuner->ask().ok());
  EXPECT_TRUE(tuner->ask_paused().is(Code::transient));
  ASSERT_EQ(*tuner->report(1, 1, 4.0), Verdict::pause);
  EXPECT_EQ(tuner->ask()->id, 2u);
  ASSERT_TRUE(tuner->forget(2).ok());
  EXPECT_EQ(tuner->ask_paused()->id, 1u);
}

TEST(Asha, RungsEndAtMaxStepWhateverTheFactor) {
  TuneOptions options = rungs("asha");
  options.max_step = 10;
  options.min_step = 2;
  auto tuner = test_tuner(test_space(kSpace), options);
  std::set<int64_t> untils;
  Player player(curve, 1, 10);
  for (int i = 0; i < 400; ++i) player.move(*tuner);
  for (const auto& line : player.log())
    if (auto at = line.find("until "); at != std::string::npos)
      untils.insert(std::stoll(line.substr(at + 6)));
  EXPECT_EQ(untils, (std::set<int64_t>{2, 6, 10}));
}

TEST(Hyperband, BeginsItsBracketsAtDifferentRungs) {
  auto tuner = test_tuner(test_space(kSpace), rungs("hyperband"));
  std::map<int64_t, int> begun;
  for (int i = 0; i < 170; ++i) ++begun[tuner->ask()->until];
  // 9 : 5 : 3 for steps 1, 3 and 9, as Hyperband has it for R = 9 and a factor of 3.
  EXPECT_NEAR(begun[1], 90, 2);
  EXPECT_NEAR(begun[3], 50, 2);
  EXPECT_NEAR(begun[9], 30, 2);
}

TEST(Hyperband, WaitsWhileTrialsRunAndThenEnds) {
  auto tuner = test_tuner(test_space(kSpace), rungs("hyperband", 3));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(tuner->ask().ok());
  EXPECT_TRUE(tuner->ask().is(Code::transient));
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(tuner->tell(id, 1).ok());
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
}

TEST(Asha, KnownPointsUseUpNoneOfItsTrials) {
  auto tuner = test_tuner(test_space(kSpace), rungs("asha", 2));
  for (double x : {0.1, 0.2, 0.3}) ASSERT_TRUE(tuner->add({{"x", x}}, x).ok());
  for (uint64_t id : {4, 5}) EXPECT_EQ(tuner->ask()->id, id);
  EXPECT_TRUE(tuner->ask().is(Code::transient));
  for (uint64_t id : {4, 5}) ASSERT_EQ(*tuner->report(id, 1, 1.0), Verdict::pause);
  EXPECT_EQ(tuner->ask()->id, 4u) << "what is known is no complete trial";
}

}  // namespace
}  // namespace baton
