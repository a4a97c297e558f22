#include "tune/trust_region.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

double side_after(const std::vector<double>& costs) {
  std::vector<Observation> observations;
  for (const double cost : costs) observations.push_back({nullptr, cost});
  return trust_side(observations, 1, 5);
}

TEST(TrustRegion, GrowsWithSuccessAndShrinksWithFailure) {
  EXPECT_EQ(side_after({10}), 0.8);
  EXPECT_EQ(side_after({10, 9, 8}), 0.8);
  EXPECT_EQ(side_after({10, 9, 8, 7}), 1.6);
  EXPECT_EQ(side_after({10, 9, 8, 7, 6, 5, 4}), 1.6);
  EXPECT_EQ(side_after({1, 2, 2, 2, 2}), 0.8);
  EXPECT_EQ(side_after({1, 2, 2, 2, 2, 2}), 0.4);
  EXPECT_EQ(side_after({1, 2, 2, 2, 0.5, 2, 2, 2, 2}), 0.8);
  EXPECT_EQ(side_after(std::vector<double>(1 + 5 * 6, 1)), 0.8 / 64);
  EXPECT_EQ(side_after(std::vector<double>(1 + 5 * 7, 1)), 0.8);
}

}  // namespace
}  // namespace baton
