#include "tune/sobol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

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

// How many of the first 2^m points lie in each elementary interval of some dimensions: `bits` says
// into how many parts, as a power of two, each of them is cut.
std::vector<int> counts(const std::vector<Point>& points, const std::vector<size_t>& dimensions,
                        const std::vector<int>& bits) {
  std::vector<int> count(size_t{1} << std::accumulate(bits.begin(), bits.end(), 0));
  for (const Point& point : points) {
    size_t cell = 0;
    for (size_t k = 0; k < dimensions.size(); ++k)
      cell = (cell << bits[k]) + static_cast<size_t>(std::ldexp(point[dimensions[k]], bits[k]));
    ++count[cell];
  }
  return count;
}

bool even(const std::vector<int>& counts) {
  return std::all_of(counts.begin(), counts.end(), [&](int one) { return one == counts[0]; });
}

TEST(Sobol, AScrambleKeepsAllThatThePlainSequenceFillsEvenly) {
  // A scramble maps elementary intervals onto elementary intervals of the same shape. So of all
  // shapes over pairs and triples, those that the plain net fills evenly stay, and no others come.
  constexpr int kBits = 7;
  constexpr size_t kDimensions = 8;
  auto first = [](const Sobol& sobol) {
    std::vector<Point> points;
    for (uint64_t k = 0; k < 1 << kBits; ++k) points.push_back(sobol.at(k));
    return points;
  };
  const std::vector<Point> plain = first(Sobol::plain(kDimensions));
  for (uint64_t seed : {1, 2, 3}) {
    const std::vector<Point> scrambled = first(Sobol(kDimensions, seed));
    int filled = 0, uneven = 0;
    auto compare = [&](const std::vector<size_t>& dimensions, const std::vector<int>& bits) {
      const bool expected = even(counts(plain, dimensions, bits));
      EXPECT_EQ(even(counts(scrambled, dimensions, bits)), expected)
          << testing::PrintToString(dimensions) << testing::PrintToString(bits) << seed;
      ++(expected ? filled : uneven);
    };
    for (size_t i = 0; i < kDimensions; ++i)
      for (size_t j = i + 1; j < kDimensions; ++j) {
        for (int a = 1; a < kBits; ++a)
          for (int b = 1; a + b <= kBits; ++b) compare({i, j}, {a, b});
        for (size_t l = j + 1; l < kDimensions; ++l)
          for (int a = 1; a < kBits; ++a)
            for (int b = 1; a + b < kBits; ++b) compare({i, j, l}, {a, b, kBits - a - b});
      }
    EXPECT_GT(filled, 900);  // that there is something to compare, of both kinds
    EXPECT_GT(uneven, 400);
  }
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
