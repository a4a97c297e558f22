#include "tune/tpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tune/testing.h"

namespace baton {
namespace {

double branin(const Params& params, int64_t) {
  double x = number(params, "x"), y = number(params, "y");
  double a = y - 5.1 / (4 * M_PI * M_PI) * x * x + 5 / M_PI * x - 6;
  return a * a + 10 * (1 - 1 / (8 * M_PI)) * std::cos(x) + 10 - 0.397887;
}

double median_regret(const std::string& method, const Space& space,
                     const Player::Objective& objective) {
  std::vector<double> regrets;
  for (uint64_t seed = 0; seed < 11; ++seed) {
    TuneOptions options;
    options.method = method;
    options.seed = seed;
    auto tuner = test_tuner(space, options);
    Player player(objective, 4, 0);
    player.play(*tuner, 120);
    regrets.push_back(tuner->best()->value);
  }
  std::nth_element(regrets.begin(), regrets.begin() + 5, regrets.end());
  return regrets[5];
}

TEST(Tpe, FindsBetterPointsThanRandom) {
  Space space = test_space(R"({"x": {"min": -5, "max": 10}, "y": {"min": 0, "max": 15}})");
  EXPECT_LT(median_regret("tpe", space, branin), 0.5 * median_regret("random", space, branin));
}

TEST(Tpe, LearnsCategoriesAndWhatDependsOnThem) {
  Space space = test_space(R"({"kind": ["a", "b", "c", "d", "e"], "u": {"min": 0, "max": 1},
    "v": {"min": 1e-6, "max": 1, "scale": "log", "when": {"kind": ["b", "c"]}}})");
  auto objective = [](const Params& params, int64_t) {
    double u = number(params, "u");
    if (!find_param(params, "v")) return 3 + u;
    double v = std::log10(number(params, "v")) + 3;
    return (*find_param(params, "kind") == "b" ? 0 : 1) + v * v + (u - 0.2) * (u - 0.2);
  };
  EXPECT_LT(median_regret("tpe", space, objective),
            0.5 * median_regret("random", space, objective));
}

TEST(Tpe, KeepsAwayFromPendingPoints) {
  Codec codec(test_space(R"({"x": {"min": 0, "max": 1}})"));
  std::vector<Point> points;
  for (int i = 0; i < 30; ++i) points.push_back({i / 29.0});
  TpeData data;
  for (const Point& point : points) data.observed.emplace_back(&point, std::abs(point[0] - 0.5));
  const Point here = {0.5};
  auto near = [&](const TpeData& given) {
    int count = 0;
    for (uint64_t i = 0; i < 200; ++i) {
      Rng rng(i);
      count += std::abs(tpe_point(codec, given, rng)[0] - 0.5) < 0.03;
    }
    return count;
  };
  TpeData busy = data;
  busy.pending.assign(20, &here);
  EXPECT_GT(near(data), 50);
  EXPECT_LT(near(busy), near(data) / 2);
}

TEST(Tpe, WithoutDataIsThePrior) {
  Codec codec(test_space(R"({"x": {"min": 0, "max": 1}, "c": [1, 2, 3, 4]})"));
  double sum = 0;
  std::vector<int> choices(4);
  for (uint64_t i = 0; i < 1000; ++i) {
    Rng rng(i);
    Point point = tpe_point(codec, {}, rng);
    sum += point[0];
    ++choices[codec.choice(1, point[1])];
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  for (int count : choices) EXPECT_NEAR(count, 250, 60);
}

}  // namespace
}  // namespace baton
