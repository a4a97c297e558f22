#include "cli/sweep_view.h"

#include <gtest/gtest.h>

#include <limits>

namespace baton {
namespace {

std::string plain(const std::vector<double>& values) { return sparkline(values, 10, false); }

TEST(Sparkline, RisesWhereTheNumbersRise) {
  EXPECT_EQ(plain({0, 1, 2, 3, 4, 5, 6, 7}), "_.-~=+*#");
  EXPECT_EQ(plain({3, 1, 2}), "#_=");
  EXPECT_EQ(sparkline({0, 1}, 10, true), "▁█");
}

TEST(Sparkline, IsLevelWhereTheyDoNotDiffer) {
  EXPECT_EQ(plain({7, 7}), "==");
  EXPECT_EQ(plain({}), "");
}

TEST(Sparkline, ShowsTheLastOfEachStretchWhereThereIsNoRoomForAll) {
  EXPECT_EQ(sparkline({0, 9, 9, 0, 0, 0}, 2, false), "#_");
}

TEST(Sparkline, KnowsTheLargestAndTheSmallestNumbers) {
  const double most = std::numeric_limits<double>::max();
  EXPECT_EQ(plain({1.7e308, 0, -1.7e308}), "#=_");
  EXPECT_EQ(plain({-most, 0, most}), "_=#");
  EXPECT_EQ(plain({0, std::numeric_limits<double>::denorm_min()}), "_#");
}

}  // namespace
}  // namespace baton
