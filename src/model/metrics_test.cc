#include "model/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace baton {
namespace {

TEST(Metrics, BecomeOneSeriesAName) {
  auto found = metric_series(
      "{\"step\": 10, \"loss\": 0.5, \"phase\": \"warm\", \"ok\": true}\n"
      "{\"step\": 20, \"loss\": 0.25, \"accuracy\": 1}\n");
  ASSERT_EQ(found.series.size(), 2u);
  EXPECT_EQ(found.series[0].name, "loss");
  EXPECT_EQ(found.series[0].points,
            (std::vector<std::pair<double, double>>{{10, 0.5}, {20, 0.25}}));
  EXPECT_EQ(found.series[1].points, (std::vector<std::pair<double, double>>{{20, 1}}));
  EXPECT_EQ(found.rows, 2u);
  EXPECT_EQ(found.broken_lines, 0u);
}

TEST(Metrics, RowsWithoutAStepAreCounted) {
  auto found = metric_series("{\"a\": 1}\n{\"a\": 2}\n{\"step\": 7, \"a\": 3}\n{\"a\": 4}\n");
  ASSERT_EQ(found.series.size(), 1u);
  EXPECT_EQ(found.series[0].points,
            (std::vector<std::pair<double, double>>{{0, 1}, {1, 2}, {7, 3}, {8, 4}}));
}

TEST(Metrics, BrokenLinesAreCountedAndAnUnfinishedOneIsNot) {
  auto found =
      metric_series("{\"a\": 1}\nnot json\n[1]\n\n  \n{\"a\": NaN}\n{\"a\": 2}\n{\"a\": 3");
  EXPECT_EQ(found.broken_lines, 3u);
  ASSERT_EQ(found.series.size(), 1u);
  EXPECT_EQ(found.series[0].points.size(), 2u);
  EXPECT_EQ(metric_series("{\"a\": 1}").rows, 1u) << "complete, though without a newline";
}

TEST(Metrics, TextsOfTheContractAreNumbers) {
  auto found =
      metric_series("{\"a\": \"NaN\", \"b\": \"-Infinity\", \"c\": \"Infinity\", \"d\": null}\n");
  ASSERT_EQ(found.series.size(), 3u);
  EXPECT_TRUE(std::isnan(found.series[0].points[0].second));
  EXPECT_EQ(found.series[1].points[0].second, -INFINITY);
  EXPECT_EQ(found.series[2].points[0].second, INFINITY);
}

TEST(Metrics, NamesAreLimited) {
  std::string lines;
  for (int i = 0; i < 1500; ++i) lines += "{\"m" + std::to_string(i) + "\": 1}\n";
  EXPECT_EQ(metric_series(lines).series.size(), 1000u);
}

}  // namespace
}  // namespace baton
