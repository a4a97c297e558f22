#include "model/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/text.h"
#include "model/plot_axis.h"

namespace baton {
namespace {

MetricSeries made(const std::string& name, int count, const std::function<double(int)>& value) {
  MetricSeries series{name, {}};
  for (int i = 0; i < count; ++i) series.points.emplace_back(i, value(i));
  return series;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++count;
  return count;
}

size_t columns(const std::string& line) {
  size_t count = 0;
  for (char c : line)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++count;
  return count;
}

TEST(TerminalPlot, DrawsARisingLineFromCornerToCorner) {
  TerminalStyle style;
  style.utf8 = false;
  style.width = 30;
  style.height = 8;
  std::string plot = terminal_plot({made("acc", 11, [](int i) { return i / 10.0; })}, style);
  EXPECT_EQ(plot,
            "acc  1 at step 10\n"
            "1.0 +                     ****\n"
            "    |                *****\n"
            "0.5 +         *******\n"
            "    |    *****\n"
            "  0 +****\n"
            "    ++-----------+-----------+\n"
            "     0           5          10\n")
      << plot;
}

TEST(TerminalPlot, FitsItsWidthWhateverItIs) {
  std::vector<MetricSeries> series = {
      made("train_loss", 3000, [](int i) { return std::exp(-i / 500.0); }),
      made("val_loss", 30, [](int i) { return 1.0 / (i + 1); }),
      made("a rather long name of a metric that nobody wants to read/x", 9,
           [](int i) { return i * 1e-9; })};
  for (int width : {1, 30, 47, 80, 200})
    for (bool utf8 : {true, false}) {
      TerminalStyle style;
      style.width = width;
      style.utf8 = utf8;
      for (const auto& line : split(terminal_plot(series, style), '\n'))
        EXPECT_LE(columns(line), static_cast<size_t>(std::max(width, 30))) << line;
    }
}

TEST(TerminalPlot, IsPlainAsciiWhereAsked) {
  TerminalStyle style;
  style.utf8 = false;
  std::string plot = terminal_plot({made("train_loss", 50, [](int i) { return i; }),
                                    made("val_loss", 50, [](int i) { return 50 - i; })},
                                   style);
  EXPECT_TRUE(std::all_of(plot.begin(), plot.end(),
                          [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
  EXPECT_NE(plot.find("* train_loss 49"), std::string::npos) << plot;
  EXPECT_NE(plot.find("+ val_loss 1"), std::string::npos) << plot;
}

TEST(TerminalPlot, ColorsOnlyWhereAsked) {
  TerminalStyle style;
  auto series = {made("a", 5, [](int i) { return i; })};
  EXPECT_EQ(terminal_plot(series, style).find('\x1b'), std::string::npos);
  style.color = true;
  std::string plot = terminal_plot(series, style);
  EXPECT_EQ(count_of(plot, "\x1b[36m"), count_of(plot, "\x1b[0m"));
  EXPECT_GT(count_of(plot, "\x1b[36m"), 0u);
}

TEST(Plots, SayWhenThereIsNothing) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(terminal_plot({}, {}), "no metrics to plot yet\n");
  EXPECT_EQ(terminal_plot({{"a", {}}}, {}), "no metrics to plot yet\n");
  for (double value : {nan, 1e308, -1e308})
    EXPECT_EQ(terminal_plot({{"a", {{0, value}, {nan, 0}}}}, {}),
              "no number up to 1e300 to plot\n");
  EXPECT_NE(svg_plot({}, "x").find("No metrics were reported."), std::string::npos);
}

TEST(SvgPlot, EscapesWhatItIsGiven) {
  std::string svg = svg_plot({{"<script>\"&\x01\xff", {{0, 1}, {1, 2}}}}, "a <b> & \"c\" \x1b[31m");
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_NE(svg.find("a &lt;b&gt; &amp; &quot;c&quot; \\x1b[31m"), std::string::npos);
  EXPECT_TRUE(is_utf8(svg));
  EXPECT_EQ(svg.find('\x01'), std::string::npos);
}

TEST(SvgPlot, NeedsNothingFromOutside) {
  std::string svg = svg_plot({made("loss", 9, [](int i) { return i; })}, "x");
  EXPECT_EQ(count_of(svg, "http"), 1u) << "the namespace only";
  EXPECT_EQ(svg.find("<image"), std::string::npos);
  EXPECT_NE(svg.find("prefers-color-scheme: dark"), std::string::npos);
}

TEST(SvgPlot, ThinsLongSeries) {
  std::mt19937 random(1);
  std::string svg = svg_plot({made("loss", 200'000, [&](int) { return random() % 1000; })}, "x");
  EXPECT_LT(svg.size(), 60'000u);
  EXPECT_EQ(count_of(svg, "class=\"line faint s0\""), 1u) << "noise is drawn faintly";
  EXPECT_EQ(count_of(svg, "class=\"line s0\""), 1u) << "and its mean over it";
  svg = svg_plot({made("loss", 5000, [](int i) { return std::sqrt(i); })}, "x");
  EXPECT_EQ(count_of(svg, "faint s0"), 0u);
}

// Random series of every shape: both pictures stay well formed, without a NaN or a line outside of
// the picture.
TEST(Plots, SurviveAnyNumbers) {
  const double kOdd[] = {
      0,     -0.0,   1,      -1,       1e308,     -1e308, 1e-308, 5e-324,
      1e300, -1e300, 1e-300, INFINITY, -INFINITY, NAN,    0.1,    12345678901234567.0};
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    auto value = [&]() -> double {
      if (random() % 4 == 0) return kOdd[random() % 16];
      return std::ldexp(static_cast<double>(random()) - 2e9, static_cast<int>(random() % 100) - 50);
    };
    std::vector<MetricSeries> series;
    for (uint32_t i = random() % 4; i > 0; --i) {
      series.push_back({i % 2 ? "a_x" : "b_x", {}});
      bool steps = random() % 2;
      for (uint32_t k = 0, n = random() % 50; k < n; ++k)
        series.back().points.emplace_back(steps ? k : value(), value());
    }
    std::string svg = svg_plot(series, "x");
    ASSERT_EQ(svg.find("nan"), std::string::npos) << "seed " << seed;
    ASSERT_EQ(svg.find("inf"), std::string::npos) << "seed " << seed;
    TerminalStyle style;
    style.width = 30 + static_cast<int>(random() % 100);
    style.height = 3 + static_cast<int>(random() % 20);
    for (const auto& line : split(terminal_plot(series, style), '\n'))
      ASSERT_LE(columns(line), static_cast<size_t>(style.width)) << "seed " << seed << "\n" << line;
    for (const auto& panel : panels_of(series)) {
      Axis x = x_axis(panel, 6), y = y_axis(panel, 6);
      for (const auto& line : panel.lines)
        for (const auto& point : line.points) {
          ASSERT_GE(x.at(point.first), -1e-6) << seed;
          ASSERT_LE(x.at(point.first), 1 + 1e-6) << seed;
          ASSERT_GE(y.at(point.second), -1e-6) << seed;
          ASSERT_LE(y.at(point.second), 1 + 1e-6) << seed;
        }
      ASSERT_LE(y.ticks.size(), 64u);
      ASSERT_EQ(y.ticks.size(), y.labels.size());
    }
  }
}

std::vector<std::string> labels(const std::vector<double>& values) {
  MetricSeries series{"a", {}};
  for (double value : values)
    series.points.emplace_back(static_cast<double>(series.points.size()), value);
  return y_axis(panels_of({series})[0], 5).labels;
}

TEST(Axes, HaveRoundLabels) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels({0.1, 0.93}), (Labels{"0", "0.2", "0.4", "0.6", "0.8"}));
  EXPECT_EQ(labels({2.3, 0.2}), (Labels{"0", "0.5", "1.0", "1.5", "2.0"}));
  EXPECT_EQ(labels({97.2, 99.4}), (Labels{"97.5", "98.0", "98.5", "99.0"}));
  EXPECT_EQ(labels({-5, 5}), (Labels{"-4", "-2", "0", "2", "4"}));
  EXPECT_EQ(labels({0, 2.5e9}), (Labels{"0", "5e8", "1e9", "1.5e9", "2e9", "2.5e9"}));
  EXPECT_EQ(labels({3, 3}), (Labels{"3"}));
}

TEST(Axes, AreLogarithmicWhereItHelps) {
  auto axis_of = [](const MetricSeries& series) { return y_axis(panels_of({series})[0], 5); };
  Axis axis = axis_of(made("perplexity", 100, [](int i) { return 3 + 20000 * std::exp(-i); }));
  EXPECT_TRUE(axis.log);
  EXPECT_EQ(axis.labels, (std::vector<std::string>{"10", "100", "1000", "10000"}));
  EXPECT_FALSE(axis_of(made("loss", 100, [](int i) { return 0.1 + std::exp(-i); })).log);
  EXPECT_FALSE(axis_of(made("ramp", 100, [](int i) { return 0.001 + i; })).log);
  EXPECT_FALSE(axis_of(made("zero", 100, [](int i) { return 1000 * std::exp(-i) - 1e-9; })).log);
}

TEST(Panels, GroupByTheLastWord) {
  auto one = [](const char* name) { return made(name, 2, [](int i) { return i; }); };
  auto panels = panels_of({one("train_loss"), one("accuracy"), one("val/loss"), one("layer_1"),
                           one("layer_2"), one("lr")});
  std::vector<std::string> titles;
  for (const auto& panel : panels) titles.push_back(panel.title);
  EXPECT_EQ(titles, (std::vector<std::string>{"loss", "accuracy", "layer", "lr"}));
  EXPECT_EQ(panels[0].lines.size(), 2u);
  EXPECT_EQ(panels_of({one("train_loss")})[0].title, "train_loss");
}

TEST(Thinning, KeepsEveryPeak) {
  auto series = made("a", 100'000, [](int i) {
    return i == 54'321 ? 1e6 : i == 77'777 ? -1e6 : 0;
  });
  Points points = thin(series.points, 2000);
  EXPECT_LE(points.size(), 2000u);
  auto has = [&](double x, double y) {
    return std::find(points.begin(), points.end(), std::make_pair(x, y)) != points.end();
  };
  EXPECT_TRUE(has(54'321, 1e6));
  EXPECT_TRUE(has(77'777, -1e6));
  EXPECT_TRUE(has(0, 0));
  EXPECT_TRUE(has(99'999, 0));
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end(),
                             [](auto& a, auto& b) { return a.first < b.first; }));
}

}  // namespace
}  // namespace baton
