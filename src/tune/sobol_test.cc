#include "tune/sobol.h"

#include <gtest/gtest.h>

#include <cmath>

namespace baton {
namespace {

TEST(Sobol, PlainIsThePublishedSequence) {
  // From the authors' own program, in Gray code's order.
  Sobol sobol = Sobol::plain(3);
  EXPECT_EQ(sobol.at(0), (Point{0, 0, 0}));
  EXPECT_EQ(sobol.at(1), (Point{0.5, 0.5, 0.5}));
  EXPECT_EQ(sobol.at(2), (Point{0.75, 0.25, 0.25}));
  EXPECT_EQ(sobol.at(3), (Point{0.25, 0.75, 0.75}));
  EXPECT_EQ(sobol.at(4), (Point{0.375, 0.375, 0.625}));
}

TEST(Sobol, EveryCoordinateIsStratified) {
  // Of 2^k successive points from a multiple of 2^k on, each of 2^k equal intervals has one.
  for (const Sobol& sobol : {Sobol::plain(160), Sobol(160, 3)})
    for (size_t i = 0; i < 160; ++i) {
      std::vector<bool> seen(64);
      for (uint64_t k = 64; k < 128; ++k) seen[static_cast<size_t>(sobol.at(k)[i] * 64)] = true;
      EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 64) << i;
    }
}

TEST(Sobol, PairsOfTheFirstCoordinatesAreStratifiedToo) {
  Sobol sobol(2, 11);
  std::vector<bool> seen(256);
  for (uint64_t k = 0; k < 256; ++k) {
    Point point = sobol.at(k);
    seen[static_cast<size_t>(point[0] * 16) * 16 + static_cast<size_t>(point[1] * 16)] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 256);
}

TEST(Sobol, ScramblesDifferBySeedOnly) {
  EXPECT_EQ(Sobol(5, 1).at(9), Sobol(5, 1).at(9));
  EXPECT_NE(Sobol(5, 1).at(9), Sobol(5, 2).at(9));
  EXPECT_NE(Sobol(5, 1).at(0), (Point{0, 0, 0, 0, 0}));
}

TEST(Sobol, BeyondItsTableItIsUniform) {
  Sobol sobol(200, 1);
  double sum = 0;
  for (uint64_t k = 0; k < 1000; ++k) sum += sobol.at(k)[199];
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  EXPECT_EQ(sobol.at(5), Sobol(200, 1).at(5));
}

}  // namespace
}  // namespace baton
