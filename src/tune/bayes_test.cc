#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "model/sweep_spec.h"
#include "tune/codec.h"
#include "tune/rng.h"
#include "tune/targets.h"
#include "tune/testing.h"

namespace baton {
namespace {

const char* const kPlane = R"({"x": {"min": 0, "max": 1}, "y": {"min": 0, "max": 1}})";
const char* const kMixed =
    R"({"lr": {"min": 1e-5, "max": 1.0, "scale": "log"}, "width": {"min": 16, "max": 256, "type": "int", "step": 16},
        "kind": ["a", "b", "c"], "momentum": {"min": 0.5, "max": 0.99, "when": {"kind": "a"}}})";

double bowl(const Params& params, int64_t) {
  return std::pow(number(params, "x") - 0.3, 2) + std::pow(number(params, "y") - 0.6, 2);
}

double mixed_value(const Params& params, int64_t) {
  const std::string kind = find_param(params, "kind")->get<std::string>();
  const double rate = std::pow(std::log10(number(params, "lr")) + 2, 2);
  if (kind == "a") return rate + 20 * std::pow(number(params, "momentum") - 0.9, 2);
  return rate + (kind == "b" ? 0.4 : 0.8) + number(params, "width") / 1000;
}

TuneOptions options(uint64_t seed = 1, const std::string& acquisition = "") {
  TuneOptions options;
  options.seed = seed;
  options.acquisition = acquisition;
  return options;
}

TEST(Bayes, EachAcquisitionFindsTheMinimum) {
  std::vector<std::string> acquisitions = sweep_acquisitions();
  acquisitions.emplace_back();
  for (const std::string& acquisition : acquisitions) {
    auto tuner = test_tuner(test_space(kPlane), options(1, acquisition));
    Player player(bowl, 3, 0);
    player.play(*tuner, 60);
    EXPECT_LT(tuner->best()->value, 1e-4) << acquisition;
  }
}

TEST(Bayes, MaximizesToo) {
  TuneOptions wanted = options();
  wanted.goal = Goal::maximize;
  auto tuner = test_tuner(test_space(kPlane), wanted);
  Player player([](const Params& params, int64_t) { return 7 - bowl(params, 0); }, 1, 0);
  player.play(*tuner, 50);
  EXPECT_GT(tuner->best()->value, 7 - 1e-4);
}

TEST(Bayes, FindsTheBestChoiceAndItsOwnParameter) {
  auto tuner = test_tuner(test_space(kMixed), options(2));
  Player player(mixed_value, 2, 0);
  player.play(*tuner, 120);
  EXPECT_EQ(find_param(tuner->best()->params, "kind")->get<std::string>(), "a");
  EXPECT_LT(tuner->best()->value, 0.05);
}

// Branch a is good everywhere; branch b is better, but only where its own parameter is right.
TEST(Bayes, APolishedBranchDoesNotHideABetterOne) {
  const Space space = test_space(
      R"({"x": {"min": 0, "max": 1}, "y": {"min": 0, "max": 1}, "kind": ["a", "b"],
          "z": {"min": 0, "max": 1, "when": {"kind": "b"}}})");
  auto value = [](const Params& params, int64_t) {
    const bool b = find_param(params, "kind")->get<std::string>() == "b";
    const double x = number(params, "x") - (b ? 0.8 : 0.3), y = number(params, "y") - 0.6;
    return x * x + y * y + (b ? 20 * std::pow(number(params, "z") - 0.85, 2) : 0.05);
  };
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    auto tuner = test_tuner(space, options(seed));
    Player player(value, 2, 0);
    player.play(*tuner, 200);
    EXPECT_LT(tuner->best()->value, 0.01) << seed;
  }
}

// Four points here and 64 there: the smaller branch is used up long before the sweep ends.
TEST(Bayes, ABranchThatIsUsedUpIsNoTrap) {
  const Space space = test_space(
      R"({"kind": ["a", "b"], "x": {"min": 1, "max": 4, "type": "int"},
          "y": {"min": 1, "max": 16, "type": "int", "when": {"kind": "b"}}})");
  auto value = [](const Params& params, int64_t) {
    if (find_param(params, "kind")->get<std::string>() == "a") return number(params, "x");
    return 0.5 + std::abs(number(params, "y") - 11) + std::abs(number(params, "x") - 3);
  };
  auto tuner = test_tuner(space, options(3));
  Player player(value, 1, 0);
  player.play(*tuner, 50);
  EXPECT_EQ(tuner->best()->value, 0.5);
  EXPECT_EQ(player.asked().size(), 25U);
}

TEST(Bayes, SameSeedSameTrialsAndLoadedGoesOnIdentically) {
  for (const char* acquisition : {"", "logei", "thompson"}) {
    auto whole = test_tuner(test_space(kMixed), options(5, acquisition));
    auto again = test_tuner(test_space(kMixed), options(5, acquisition));
    Player first(mixed_value, 3, 0), second(mixed_value, 3, 0);
    for (int part = 0; part < 6; ++part) {
      first.play(*whole, 17);
      second.play(*again, 17);
      // Through text, as it would be stored.
      auto loaded = load_tuner(*parse_json(dump_json(again->save()), "saved"));
      ASSERT_TRUE(loaded.ok()) << loaded.error().message;
      again = std::move(*loaded);
    }
    EXPECT_EQ(first.log(), second.log()) << acquisition;
  }
}

// What was stopped gets another value, fails or is taken back; the twin is loaded anew every time.
TEST(Bayes, RevisedTrialsLeaveNothingBehind) {
  auto whole = test_tuner(test_space(kPlane), options(4));
  auto twin = test_tuner(test_space(kPlane), options(4));
  for (uint64_t id = 1; id <= 40; ++id) {
    auto asked = whole->ask();
    ASSERT_TRUE(asked.ok());
    EXPECT_EQ(twin->ask()->params, asked->params) << id;
    for (Tuner* one : {whole.get(), twin.get()}) {
      ASSERT_TRUE(one->report(id, 1, bowl(asked->params, 0)).ok());
      ASSERT_TRUE(one->stop(id).ok());
      if (id < 8) continue;
      const Status revised = id % 4 == 0   ? one->fail(id - 3)
                             : id % 4 == 1 ? one->tell(id - 3, 0.5)
                             : id % 4 == 2 ? one->forget(id - 3)
                                           : Status();
      EXPECT_TRUE(revised.ok());
    }
    auto loaded = load_tuner(*parse_json(dump_json(twin->save()), "saved"));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    twin = std::move(*loaded);
    EXPECT_EQ(whole->save(), twin->save());
  }
}

TEST(Bayes, OtherSeedsOtherTrials) {
  auto one = test_tuner(test_space(kPlane), options(1));
  auto two = test_tuner(test_space(kPlane), options(2));
  EXPECT_NE(one->ask()->params, two->ask()->params);
}

TEST(Bayes, KeepsAwayFromWhatIsPending) {
  auto tuner = test_tuner(test_space(kPlane), options(3, "logei"));
  Player player(bowl, 1, 0);
  player.play(*tuner, 12);  // six trials
  std::vector<Params> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(tuner->ask()->params);
  EXPECT_EQ(tuner->pending().size(), 8u);
  for (size_t i = 0; i < asked.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double dx = number(asked[i], "x") - number(asked[j], "x");
      const double dy = number(asked[i], "y") - number(asked[j], "y");
      EXPECT_GT(std::hypot(dx, dy), 1e-3) << i << " " << j;
    }
  }
}

TEST(Bayes, TriesEveryPointOfASmallSpaceOnceAndThenSaysSo) {
  const Space space = test_space(
      R"({"a": ["x", "y", "z"], "n": {"min": 1, "max": 4, "type": "int"}, "b": {"min": 0, "max": 1, "step": 0.5, "when": {"a": "x"}}})");
  auto tuner = test_tuner(space, options(1));
  std::set<std::string> asked;
  const uint64_t points = Codec(space).points();
  EXPECT_EQ(points, 20u);
  for (uint64_t i = 0; i < points; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok()) << i << trial.error().message;
    Json json = Json::object();
    for (const auto& [name, value] : trial->params) json[name] = value;
    EXPECT_TRUE(asked.insert(dump_json(json)).second) << dump_json(json);
    if (i % 3 == 0) {
      EXPECT_TRUE(tuner->fail(trial->id).ok());
    } else {
      EXPECT_TRUE(tuner->tell(trial->id, static_cast<double>(i % 7)).ok());
    }
  }
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
}

std::string categories(int count, int choices) {
  Json space = Json::object();
  for (int i = 0; i < count; ++i)
    for (int k = 0; k < choices; ++k) space["c" + std::to_string(i)].push_back(k);
  space["x"] = {{"min", 0}, {"max", 1}};
  return dump_json(space);
}

TEST(Bayes, SearchesAmongManyCategoriesAndLevels) {
  for (const std::string& text : {categories(48, 2), categories(1, 40), categories(6, 10)}) {
    auto tuner = test_tuner(test_space(text), options(1, "logei"));
    Player player([](const Params& params, int64_t) { return number(params, "c0"); }, 1, 0);
    player.play(*tuner, 50);
    EXPECT_EQ(tuner->best()->value, 0) << text;
  }
}

TEST(Bayes, ARefusedAskLeavesNoTrace) {
  auto tuner = test_tuner(test_space(R"({"x": {"min": 1, "max": 6, "type": "int"}})"), options(1));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 6; ++id)
    ASSERT_TRUE(tuner->tell(id, static_cast<double>(id * id % 5)).ok());
  const Json before = tuner->save();
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
  EXPECT_EQ(tuner->save(), before);
}

// In numbers: what the cube tells apart may be the same number.
TEST(Bayes, AFailedPointIsNotTriedAgain) {
  auto tuner = test_tuner(test_space(R"({"x": {"min": -3.7, "max": -2.7}})"), options(1));
  std::set<double> tried;
  for (int i = 0; i < 60; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok());
    const double x = number(trial->params, "x");
    EXPECT_TRUE(tried.insert(x).second) << x;
    ASSERT_TRUE((x > -3.6 ? tuner->fail(trial->id) : tuner->tell(trial->id, x)).ok());
  }
}

TEST(Bayes, ABranchThatChanceHardlyFindsIsFound) {
  Json space = Json::object();
  for (int i = 0; i < 1000; ++i) space["a"].push_back(i);
  space["x"] = {{"min", 0}, {"max", 1}, {"when", {{"a", 999}}}};
  auto tuner = test_tuner(test_space(dump_json(space)), options(1));
  for (int i = 0; i < 999; ++i) ASSERT_TRUE(tuner->add({{"a", i}}, i % 7).ok());
  for (int i = 0; i < 3; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok()) << trial.error().message;
    EXPECT_EQ(number(trial->params, "a"), 999);
    ASSERT_TRUE(tuner->tell(trial->id, 1).ok());
  }
}

TEST(Bayes, OfManyOpenTrialsTheLatestAreBelieved) {
  auto tuner = test_tuner(test_space(kPlane), options(2, "logei"));
  for (int i = 0; i < 700; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 20; ++id) ASSERT_TRUE(tuner->tell(id, static_cast<double>(id)).ok());
  std::set<std::pair<double, double>> asked;
  for (int i = 0; i < 5; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok());
    asked.emplace(number(trial->params, "x"), number(trial->params, "y"));
  }
  EXPECT_EQ(asked.size(), 5u);
}

TEST(Bayes, CopesWithAnyValues) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<double>> cycles = {
      {0}, {1e300, -1e300}, {1e300, 1, 2, 3}, {1e-300, 2e-300}, {none, 1, 2}, {5, 5, 5, 6}};
  for (const auto& cycle : cycles) {
    TuneOptions wanted = options(4);
    wanted.failures = Failures::penalise;
    auto tuner = test_tuner(test_space(kPlane), wanted);
    for (size_t i = 0; i < 30; ++i) {
      auto trial = tuner->ask();
      ASSERT_TRUE(trial.ok());
      for (const char* name : {"x", "y"}) {
        const double at = number(trial->params, name);
        EXPECT_TRUE(at >= 0 && at <= 1) << at;
      }
      ASSERT_TRUE(tuner->tell(trial->id, cycle[i % cycle.size()]).ok());
    }
  }
}

TEST(Bayes, LearnsFromKnownPointsBeforeItsFirstTrial) {
  auto tuner = test_tuner(test_space(kPlane), options(6, "logei"));
  Rng rng(1);
  for (int i = 0; i < 30; ++i) {
    const Params params = {{"x", rng.uniform()}, {"y", rng.uniform()}};
    ASSERT_TRUE(tuner->add(params, bowl(params, 0)).ok());
  }
  auto trial = tuner->ask();
  EXPECT_LT(bowl(trial->params, 0), 0.01);
}

TEST(Bayes, AThousandTrialsKeepTheModelSmall) {
  auto tuner = test_tuner(test_space(kPlane), options(7));
  Rng rng(1);
  for (int i = 0; i < 3000; ++i) {
    const Params params = {{"x", rng.uniform()}, {"y", rng.uniform()}};
    ASSERT_TRUE(tuner->add(params, bowl(params, 0) + 1e-3 * rng.normal()).ok());
  }
  for (int i = 0; i < 6; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok());
    ASSERT_TRUE(tuner->tell(trial->id, bowl(trial->params, 0)).ok());
  }
  auto loaded = load_tuner(tuner->save());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ((*loaded)->ask()->params, tuner->ask()->params);
}

// What penalised failures cost changes with every new worst value, and with it who is best.
TEST(Bayes, ALargeModelWithPenaltiesGoesOnAsItWas) {
  TuneOptions penalise = options(1);
  penalise.failures = Failures::penalise;
  auto tuner = test_tuner(test_space(kPlane), penalise);
  for (int i = 0; i < 420; ++i) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 400; ++id) ASSERT_TRUE(tuner->fail(id).ok());
  Rng rng(1);
  for (int i = 0; i < 180; ++i) {
    const Params params = {{"x", rng.uniform()}, {"y", rng.uniform()}};
    ASSERT_TRUE(tuner->add(params, bowl(params, 0)).ok());
  }
  ASSERT_TRUE(tuner->ask().ok());
  ASSERT_TRUE(tuner->add({{"x", 0.5}, {"y", 0.5}}, 50).ok());
  auto loaded = load_tuner(*parse_json(dump_json(tuner->save()), "saved"));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  for (int i = 0; i < 4; ++i) EXPECT_EQ((*loaded)->ask()->params, tuner->ask()->params) << i;
  Json damaged = tuner->save();
  for (const Json& chosen : {Json(3), Json({2, 1}), Json({-1}), Json({"a"})}) {
    damaged["method"]["chosen"] = chosen;
    EXPECT_TRUE(load_tuner(damaged).is(Code::invalid)) << dump_json(chosen);
  }
}

TEST(Bayes, DamagedModelIsRefused) {
  auto tuner = test_tuner(test_space(kPlane), options(1));
  Player player(bowl, 1, 0);
  player.play(*tuner, 24);
  const Json saved = tuner->save();
  for (const Json& hyper : {Json("x"), Json({1, 2}), Json({1e9, 0, 0, 0}), Json({"a", 0, 0, 0})}) {
    Json damaged = saved;
    damaged["method"]["hyper"] = hyper;
    EXPECT_TRUE(load_tuner(damaged).is(Code::invalid)) << dump_json(hyper);
  }
}

TEST(Targets, KeepTheOrderAndTheDistancesOfTheBetterHalf) {
  const Eigen::VectorXd targets = targets_of({1, 2, 4, 1e300, 8, 3, 1e12});
  EXPECT_NEAR(targets.mean(), 0, 1e-12);
  EXPECT_NEAR(targets.squaredNorm() / 7, 1, 1e-12);
  const std::vector<int> order = {0, 1, 5, 2, 4, 6, 3};
  for (size_t i = 1; i < order.size(); ++i) EXPECT_LT(targets[order[i - 1]], targets[order[i]]);
  EXPECT_LT(targets[3] - targets[4], 3);
  const Eigen::VectorXd plain = targets_of({1, 2, 4, 50, 8, 3, 20});
  EXPECT_NEAR((plain[5] - plain[1]) / (plain[1] - plain[0]), 1, 1e-12);
  EXPECT_EQ(targets_of({3, 3, 3}), Eigen::VectorXd::Zero(3));
}

TEST(Targets, NormalQuantileInvertsTheDistribution) {
  for (const double p : {1e-9, 0.01, 0.3, 0.5, 0.77, 0.999}) {
    EXPECT_NEAR(0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0)), p, 1e-12);
  }
}

}  // namespace
}  // namespace baton
