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
      metric_series("{\"a\": 1}\nnot json\n[1]\n\n  \n{\"a\": nonsense}\n{\"a\": 2}\n{\"a\": 3");
  EXPECT_EQ(found.broken_lines, 3u);
  ASSERT_EQ(found.series.size(), 1u);
  EXPECT_EQ(found.series[0].points.size(), 2u);
  EXPECT_EQ(metric_series("{\"a\": 1}").rows, 1u) << "complete, though without a newline";
}

TEST(Metrics, LinesOfMoreThanAMebibyteAreBroken) {
  const std::string end = "\"}", begin = "{\"a\": 1, \"b\": \"";
  std::string line = begin + std::string((1 << 20) - begin.size() - end.size(), 'x') + end;
  EXPECT_TRUE(metrics_row(line).ok());
  line.insert(begin.size(), "y");
  EXPECT_EQ(metrics_row(line).error().code, Code::corrupt);
  auto found = metric_series(line + "\n{\"a\": 2}\n");
  EXPECT_EQ(found.broken_lines, 1u);
  EXPECT_EQ(found.rows, 1u);
}

TEST(Metrics, TextsOfTheContractAreNumbers) {
  auto found =
      metric_series("{\"a\": \"NaN\", \"b\": \"-Infinity\", \"c\": \"Infinity\", \"d\": null}\n");
  ASSERT_EQ(found.series.size(), 4u);
  EXPECT_TRUE(std::isnan(found.series[0].points[0].second));
  EXPECT_EQ(found.series[1].points[0].second, -INFINITY);
  EXPECT_EQ(found.series[2].points[0].second, INFINITY);
  EXPECT_TRUE(std::isnan(found.series[3].points[0].second)) << "null";
}

TEST(Metrics, NumbersThatJsonLacksAreReadAsProgramsWriteThem) {
  const std::pair<const char*, double> kWords[] = {
      {"NaN", NAN},           {"nan", NAN},        {"-nan", NAN},
      {"Infinity", INFINITY}, {"inf", INFINITY},   {"-Infinity", -INFINITY},
      {"-inf", -INFINITY},    {"1e999", INFINITY}, {"-1e999", -INFINITY}};
  for (const auto& [word, value] : kWords) {
    const std::string line = std::string("{\"step\": 4, \"a\": ") + word + ", \"b\": 1}\n";
    auto found = metric_series(line);
    EXPECT_EQ(found.broken_lines, 0u) << word;
    ASSERT_EQ(found.series.size(), 2u) << word;
    const auto& [step, read] = found.series[0].points.at(0);
    EXPECT_EQ(step, 4) << word;
    EXPECT_TRUE(std::isnan(value) ? std::isnan(read) : read == value) << word;
    EXPECT_EQ(found.series[1].points[0].second, 1) << word;
    auto row = metrics_row(line);
    ASSERT_TRUE(row.ok());
    EXPECT_EQ(dump_json(*row), R"({"step":4,"a":null,"b":1})") << "JSON has no such number";
  }
}

TEST(Metrics, TextsAreLeftAloneWhereOtherNumbersAreNot) {
  auto row = metrics_row(R"({"note": "a \"NaN, -Infinity", "k-NaN": 1, "list": [NaN], "a": NaN})");
  ASSERT_TRUE(row.ok());
  EXPECT_EQ((*row)["note"], "a \"NaN, -Infinity");
  EXPECT_EQ((*row)["k-NaN"], 1);
  EXPECT_TRUE((*row)["a"].is_number());
  EXPECT_TRUE(metrics_row(R"({"a": true, "b": NaN, "c": false, "d": null})").ok());
  for (const char* broken : {R"({"a": NaN)", R"({"a": Na)", R"({"a": -Infin})", R"({"a": NaN1})",
                             R"({"a": NaN, "b)", R"({"a": "\)", "NaN", "", R"([NaN])"})
    EXPECT_TRUE(metrics_row(broken).is(Code::corrupt)) << broken;
}

TEST(Metrics, AStepThatIsNoNumberIsCountedOn) {
  auto found = metric_series("{\"step\": 7, \"a\": 1}\n{\"step\": NaN, \"a\": 2}\n{\"a\": 3}\n");
  EXPECT_EQ(found.series[0].points,
            (std::vector<std::pair<double, double>>{{7, 1}, {8, 2}, {9, 3}}));
}

TEST(Metrics, AnUnfinishedLastLineWithNaNIsPassedOver) {
  auto found = metric_series("{\"a\": 1}\n{\"a\": NaN");
  EXPECT_EQ(found.broken_lines, 0u);
  EXPECT_EQ(found.series[0].points.size(), 1u);
}

TEST(Metrics, NamesAreLimited) {
  std::string lines;
  for (int i = 0; i < 1500; ++i) lines += "{\"m" + std::to_string(i) + "\": 1}\n";
  EXPECT_EQ(metric_series(lines).series.size(), 1000u);
}

}  // namespace
}  // namespace baton
