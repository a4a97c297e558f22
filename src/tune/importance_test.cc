#include "tune/importance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tune/testing.h"

namespace baton {
namespace {

std::vector<Importance> importance_of(const Player::Objective& objective, int trials) {
  TuneOptions options;
  options.method = "sobol";
  auto tuner = test_tuner(
      test_space(R"({"a": {"min": -1, "max": 1}, "b": {"min": -1, "max": 1}, "c": [1, 2, 3]})"),
      options);
  Player player(objective, 1, 0);
  player.play(*tuner, 2 * trials);
  return tuner->importance();
}

TEST(Importance, SharesFollowTheVariance) {
  // Variances of 4a and b: 16 to 1; c does nothing.
  auto shares = importance_of(
      [](const Params& p, int64_t) { return 4 * number(p, "a") + number(p, "b"); }, 200);
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares[0].name, "a");
  EXPECT_NEAR(shares[0].share, 16.0 / 17, 0.03);
  EXPECT_NEAR(shares[1].share, 1.0 / 17, 0.03);
  EXPECT_LT(shares[2].share, 0.01);
  EXPECT_NEAR(shares[0].share + shares[1].share + shares[2].share, 1, 1e-12);
}

TEST(Importance, SeesCurvesAndCategories) {
  // a² has a variance of 4/45 on [-1, 1], half of c one of 1/6.
  auto shares =
      importance_of([](const Params& p,
                       int64_t) { return number(p, "a") * number(p, "a") + 0.5 * number(p, "c"); },
                    200);
  EXPECT_NEAR(shares[0].share, (4.0 / 45) / (4.0 / 45 + 1.0 / 6), 0.12);
  EXPECT_LT(shares[1].share, 0.05);
}

TEST(Importance, OneDivergentTrialDoesNotDecide) {
  int count = 0;
  auto shares = importance_of(
      [&](const Params& p, int64_t) { return ++count == 50 ? 1e9 : number(p, "a"); }, 150);
  EXPECT_GT(shares[0].share, 0.9);
}

TEST(Importance, NeighbouringNumbersAreToldApart) {
  auto tuner = test_tuner(test_space(R"({"a": {"min": 0, "max": 1}, "b": [1, 2]})"), TuneOptions());
  for (auto [low, high] : {std::pair(std::nextafter(1.0, 0.0), 1.0), {0.0, 5e-324}})
    for (int i = 0; i < 20; ++i) {
      const double a = i % 2 ? low : high;
      ASSERT_TRUE(tuner->add({{"a", a}, {"b", 1 + i / 10}}, i % 2 + 0.01 * (i % 3)).ok());
    }
  auto shares = tuner->importance();
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares[0].share + shares[1].share, 1, 1e-12);
}

TEST(Importance, HugeValuesHaveSharesToo) {
  for (double unit : {1e-300, 1e150, 1e155, 1e300, 3e307}) {
    auto shares = importance_of(
        [&](const Params& p, int64_t) { return unit * (4 * number(p, "a") + number(p, "b")); },
        200);
    ASSERT_EQ(shares.size(), 3u) << unit;
    EXPECT_NEAR(shares[0].share, 16.0 / 17, 0.03) << unit;
    EXPECT_LT(shares[2].share, 0.01) << unit;
  }
}

TEST(Importance, FourTrialsTellThemApart) {
  auto shares = importance_of([](const Params& p, int64_t) { return number(p, "a"); }, 4);
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_GT(shares[0].share, 0.4);
}

TEST(Importance, NeedsFourTrialsAndSaysNothingOfConstants) {
  EXPECT_TRUE(importance_of([](const Params&, int64_t) { return 1.0; }, 3).empty());
  for (double value : {0.0, 0.1, 1e12, -1e300})
    EXPECT_TRUE(importance_of([&](const Params&, int64_t) { return value; }, 21).empty()) << value;
}

}  // namespace
}  // namespace baton
