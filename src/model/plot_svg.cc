#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "model/plot.h"
#include "model/plot_axis.h"

namespace baton {
namespace {

constexpr size_t kMostPanels = 24;
constexpr size_t kMostPoints = 2000;
constexpr size_t kMeans = 150;  // points of the mean of a noisy line
constexpr int kColors = 8;

// Sizes in pixels of the drawing's own coordinates.
constexpr double kPanelWidth = 560, kPanelHeight = 316;
constexpr double kLeft = 64, kRight = 24, kTitle = 24, kBottom = 52;
constexpr double kEdge = 20, kHeader = 54;
constexpr double kLegendRow = 20, kLegendGap = 14;
constexpr size_t kLegendRows = 4;

// Okabe and Ito's palette, tuned to keep its contrast on white and on near-black.
constexpr const char* kStyle = R"(<style>
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-size: 12px; fill: #57606a; }
.bg { fill: #ffffff; }
.head { font-size: 18px; font-weight: 600; fill: #1f2328; }
.name { font-size: 14px; font-weight: 600; fill: #1f2328; }
.value { fill: #1f2328; }
.grid { stroke: #d8dee4; stroke-width: 1; shape-rendering: crispEdges; }
.base { stroke: #8c959f; stroke-width: 1; shape-rendering: crispEdges; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.faint { opacity: 0.35; stroke-width: 1; }
.end { stroke: #ffffff; stroke-width: 1.5; }
.s0 { stroke: #0969da; } .s1 { stroke: #d4622a; } .s2 { stroke: #1a8a5f; } .s3 { stroke: #a13fa1; }
.s4 { stroke: #b08800; } .s5 { stroke: #cf3b4a; } .s6 { stroke: #2b93a8; } .s7 { stroke: #6e7781; }
.f0 { fill: #0969da; } .f1 { fill: #d4622a; } .f2 { fill: #1a8a5f; } .f3 { fill: #a13fa1; }
.f4 { fill: #b08800; } .f5 { fill: #cf3b4a; } .f6 { fill: #2b93a8; } .f7 { fill: #6e7781; }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1; }
.bg { fill: #0d1117; }
.head, .name, .value { fill: #e6edf3; }
.grid { stroke: #262c36; }
.base { stroke: #656c76; }
.end { stroke: #0d1117; }
.s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb983; } .s3 { stroke: #d07ad0; }
.s4 { stroke: #d9b13b; } .s5 { stroke: #ff7b72; } .s6 { stroke: #56c2d6; } .s7 { stroke: #9ea7b3; }
.f0 { fill: #58a6ff; } .f1 { fill: #f0883e; } .f2 { fill: #3fb983; } .f3 { fill: #d07ad0; }
.f4 { fill: #d9b13b; } .f5 { fill: #ff7b72; } .f6 { fill: #56c2d6; } .f7 { fill: #9ea7b3; }
}
</style>
)";

std::string escape(const std::string& text) {
  std::string out;
  for (char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string text_at(double x, double y, const char* css, const char* anchor,
                    const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n",
                     x, y, css, anchor, escape(text));
}

std::string line_at(double x0, double y0, double x1, double y1, const char* css) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x0, y0, x1,
      y1, css);
}

// Draws one panel with its top left corner at (x, y).
// One line's entry in the legend: colour, name, last value.
struct Entry {
  double x;
  size_t row;
  std::string before, value, after;
};

// In rows of `width`; what would not fit in kLegendRows is left out.
std::vector<Entry> legend_of(const Panel& panel, double width) {
  std::vector<Entry> entries;
  double x = 0;
  size_t row = 0;
  for (const auto& line : panel.lines) {
    bool alone = panel.lines.size() == 1;
    Entry entry{0, 0, alone ? "" : line.name + "  ", value_text(line.points.back().second),
                alone ? "  at step " + step_text(line.points.back().first) : ""};
    // The font is the reader's: what its characters take is an estimate.
    double taken = 34 + 6.8 * static_cast<double>(entry.before.size() + entry.value.size());
    if (x > 0 && x + taken > width) x = 0, ++row;
    if (row == kLegendRows) break;
    entry.x = x;
    entry.row = row;
    entries.push_back(std::move(entry));
    x += taken;
  }
  return entries;
}

// Draws one panel with its top left corner at (x, y).
class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, double x, double y)
      : panel_(panel),
        legend_(legend_of(panel, kPanelWidth - kLeft - kRight)),
        left_(x + kLeft),
        right_(x + kPanelWidth - kRight),
        title_(y + kTitle),
        top_(title_ + kLegendGap + kLegendRow * static_cast<double>(legend_.back().row + 1)),
        bottom_(y + kPanelHeight - kBottom),
        x_(x_axis(panel, 6)),
        y_(y_axis(panel, 6)) {}

  std::string svg() const {
    std::string out = "<g>\n" + heading() + axes();
    for (size_t i = 0; i < panel_.lines.size(); ++i) out += curve(panel_.lines[i], i % kColors);
    for (size_t i = 0; i < panel_.lines.size(); ++i)
      out += last_point(panel_.lines[i], i % kColors);
    return out + "</g>\n";
  }

 private:
  double at_x(double value) const { return left_ + x_.at(value) * (right_ - left_); }
  double at_y(double value) const { return bottom_ - y_.at(value) * (bottom_ - top_); }

  std::string heading() const {
    std::string out =
        text_at(left_, title_, "name", "start", panel_.title + (y_.log ? " (log scale)" : ""));
    size_t unnamed = panel_.lines.size() - legend_.size();
    bool noisy = std::any_of(panel_.lines.begin(), panel_.lines.end(),
                             [this](const Line& line) { return is_noisy(line); });
    if (unnamed > 0)
      out += text_at(right_, title_, "note", "end", fmt::format("and {} more lines", unnamed));
    else if (noisy)
      out += text_at(right_, title_, "note", "end", "faint: as reported; bold: running mean");
    for (size_t i = 0; i < legend_.size(); ++i) out += legend_entry(legend_[i], i % kColors);
    return out;
  }

  std::string legend_entry(const Entry& entry, size_t color) const {
    double x = left_ + entry.x;
    double y = title_ + kLegendRow * static_cast<double>(entry.row + 1);
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"3\" rx=\"1.5\" class=\"f{}\"/>\n"
        "<text x=\"{:.1f}\" y=\"{:.1f}\">{}<tspan class=\"value\">{}</tspan>{}</text>\n",
        x, y - 6, color, x + 18, y, escape(entry.before), escape(entry.value), escape(entry.after));
  }

  std::string axes() const {
    std::string out;
    for (size_t i = 0; i < y_.ticks.size(); ++i) {
      double y = at_y(y_.ticks[i]);
      out += line_at(left_, y, right_, y, "grid");
      out += text_at(left_ - 8, y + 4, "tick", "end", y_.labels[i]);
    }
    out += line_at(left_, bottom_, right_, bottom_, "base");
    double free_from = left_ - kLeft;
    for (size_t i = 0; i < x_.ticks.size(); ++i) {
      double x = at_x(x_.ticks[i]);
      double half = 3.5 * static_cast<double>(x_.labels[i].size());
      if (x - half < free_from) continue;
      free_from = x + half + 8;
      out += line_at(x, bottom_, x, bottom_ + 4, "base");
      out += text_at(x, bottom_ + 18, "tick", "middle", x_.labels[i]);
    }
    return out + text_at(right_, bottom_ + 33, "tick", "end", "step");
  }

  // A noisy line is drawn faintly, with its mean over it.
  std::string curve(const Line& line, size_t color) const {
    if (!is_noisy(line))
      return path(thin(line.points, kMostPoints), fmt::format("line s{}", color));
    return path(thin(line.points, kMostPoints), fmt::format("line faint s{}", color)) +
           path(means(line.points, kMeans), fmt::format("line s{}", color));
  }

  bool is_noisy(const Line& line) const {
    if (line.points.size() < 4 * kMeans) return false;
    Points mean = means(line.points, kMeans);
    double away = 0;
    for (size_t i = 0; i < line.points.size(); ++i)
      away += std::abs(y_.at(line.points[i].second) -
                       y_.at(mean[i * kMeans / line.points.size()].second));
    return away / static_cast<double>(line.points.size()) > 0.004;
  }

  std::string path(const Points& points, const std::string& css) const {
    std::string out;
    for (const auto& point : points)
      out += fmt::format("{}{:.1f} {:.1f}", out.empty() ? "M" : " L", at_x(point.first),
                         at_y(point.second));
    return fmt::format("<path d=\"{}\" class=\"{}\"/>\n", out, css);
  }

  std::string last_point(const Line& line, size_t color) const {
    return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" class=\"end f{}\"/>\n",
                       at_x(line.points.back().first), at_y(line.points.back().second), color);
  }

  const Panel& panel_;
  std::vector<Entry> legend_;  // at least one entry
  double left_, right_, title_, top_, bottom_;
  Axis x_, y_;
};

}  // namespace

std::string svg_plot(const std::vector<MetricSeries>& series, const std::string& title) {
  auto panels = panels_of(series);
  size_t shown = std::min(panels.size(), kMostPanels);
  size_t across = shown > 1 ? 2 : 1;
  size_t down = std::max<size_t>((shown + across - 1) / across, 1);
  double width = 2 * kEdge + kPanelWidth * static_cast<double>(across);
  double height = kHeader + kPanelHeight * static_cast<double>(down) + kEdge;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" "
      "role=\"img\">\n<title>{2}</title>\n",
      width, height, escape(title));
  out += kStyle;
  out += "<rect width=\"100%\" height=\"100%\" class=\"bg\"/>\n";
  out += text_at(kEdge + 12, 38, "head", "start", title);
  if (panels.empty())
    out += text_at(
        kEdge + 12, kHeader + 20, "tick", "start",
        has_points(series) ? "No number up to 1e300 was reported." : "No metrics were reported.");
  for (size_t i = 0; i < shown; ++i) {
    size_t row = i / across, column = i % across;
    out += PanelDrawing(panels[i], kEdge + kPanelWidth * static_cast<double>(column),
                        kHeader + kPanelHeight * static_cast<double>(row))
               .svg();
  }
  if (panels.size() > shown)
    out += text_at(width - kEdge, 38, "tick", "end",
                   fmt::format("and {} more kinds of metrics", panels.size() - shown));
  return out + "</svg>\n";
}

}  // namespace baton
