#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/plot.h"
#include "model/plot_axis.h"
#include "model/plot_canvas.h"

namespace baton {
namespace {

constexpr size_t kMostPanels = 8;

size_t columns_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string cut(const std::string& text, size_t columns) {
  if (columns_of(text) <= columns) return text;
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80 && ++seen > columns) break;
  return text.substr(0, end);
}

std::string padded_left(const std::string& text, size_t columns) {
  size_t width = columns_of(text);
  return std::string(columns > width ? columns - width : 0, ' ') + text;
}

class PanelPicture {
 public:
  PanelPicture(const Panel& panel, const TerminalStyle& style)
      : panel_(panel),
        style_(style),
        rows_(style.height - 3),
        x_(x_axis(panel, std::max(2, style.width / 16))),
        y_(y_axis(panel, std::max(2, rows_ / 3))) {
    for (const auto& label : y_.labels) gutter_ = std::max(gutter_, columns_of(label));
    if (panel.lines.size() > 1) margin_ = margin_for_names();
    int taken = static_cast<int>(gutter_ + 2 + (margin_ ? margin_ + 1 : 0));
    columns_ = std::max(style.width - taken, 10);
  }

  std::string text() const {
    Canvas canvas(columns_, rows_, style_);
    draw(canvas);
    std::string out = cut(title(), static_cast<size_t>(style_.width)) + "\n";
    auto ticks = tick_rows(canvas);
    auto names = name_rows(canvas);
    for (int row = 0; row < rows_; ++row) {
      std::string label = padded_left(ticks[static_cast<size_t>(row)], gutter_);
      bool tick = !ticks[static_cast<size_t>(row)].empty();
      out += trimmed(label + " " + bar(tick) + canvas.row(row) + names[static_cast<size_t>(row)]) +
             "\n";
    }
    return out + floor_line() + "\n" + step_labels() + "\n";
  }

 private:
  // Room for "name 0.123" beside the ends of the lines, at most a third of the width.
  size_t margin_for_names() const {
    size_t longest = 0;
    for (const auto& line : panel_.lines)
      longest = std::max(longest, columns_of(end_label(line, 100)) + (style_.utf8 ? 0 : 2));
    return std::min(longest, static_cast<size_t>(style_.width) / 3);
  }

  // The name is cut to make room for the value, which would be wrong if it were cut.
  static std::string end_label(const Line& line, size_t room) {
    std::string value = " " + value_text(line.points.back().second);
    if (value.size() + 4 > room) return cut(line.name, room);
    return cut(line.name, room - value.size()) + value;
  }

  std::string title() const {
    if (panel_.lines.size() > 1) return panel_.title + scale_note();
    const Line& line = panel_.lines[0];
    return fmt::format("{}  {} at step {}{}", cut(line.name, static_cast<size_t>(style_.width) / 2),
                       value_text(line.points.back().second), step_text(line.points.back().first),
                       scale_note());
  }

  std::string scale_note() const { return y_.log ? "  (log scale)" : ""; }

  void draw(Canvas& canvas) const {
    for (size_t i = 0; i < panel_.lines.size(); ++i) {
      int line = static_cast<int>(i);
      bool first = true;
      int last_x = 0, last_y = 0;
      for (const auto& point :
           thin(panel_.lines[i].points, static_cast<size_t>(canvas.dots_wide()) * 4)) {
        int x = dot_x(canvas, point.first), y = dot_y(canvas, point.second);
        canvas.stroke(first ? x : last_x, first ? y : last_y, x, y, line);
        first = false, last_x = x, last_y = y;
      }
    }
  }

  int dot_x(const Canvas& canvas, double value) const {
    return static_cast<int>(std::lround(x_.at(value) * (canvas.dots_wide() - 1)));
  }
  int dot_y(const Canvas& canvas, double value) const {
    return static_cast<int>(std::lround((1 - y_.at(value)) * (canvas.dots_high() - 1)));
  }

  std::vector<std::string> tick_rows(const Canvas& canvas) const {
    std::vector<std::string> rows(static_cast<size_t>(rows_));
    for (size_t i = 0; i < y_.ticks.size(); ++i)
      rows[static_cast<size_t>(canvas.row_of_dot(dot_y(canvas, y_.ticks[i])))] = y_.labels[i];
    return rows;
  }

  // Each line's name on the row where it ends, or on the nearest free one.
  std::vector<std::string> name_rows(const Canvas& canvas) const {
    std::vector<std::string> rows(static_cast<size_t>(rows_));
    if (margin_ == 0) return rows;
    for (size_t i = 0; i < panel_.lines.size(); ++i) {
      int wanted = canvas.row_of_dot(dot_y(canvas, panel_.lines[i].points.back().second));
      for (int away = 0; away < rows_; ++away) {
        int below = wanted + away, above = wanted - away;
        bool fits_below = below < rows_ && rows[static_cast<size_t>(below)].empty();
        bool fits_above = above >= 0 && rows[static_cast<size_t>(above)].empty();
        if (!fits_below && !fits_above) continue;
        int line = static_cast<int>(i);
        std::string mark = style_.utf8 ? "" : std::string(1, Canvas::mark(line)) + " ";
        rows[static_cast<size_t>(fits_below ? below : above)] =
            " " + canvas.paint(mark + end_label(panel_.lines[i], margin_ - mark.size()), line);
        break;
      }
    }
    return rows;
  }

  std::string bar(bool tick) const {
    if (style_.utf8) return tick ? "┤" : "│";
    return tick ? "+" : "|";
  }

  std::vector<int> tick_columns() const {
    std::vector<int> columns;
    for (double tick : x_.ticks)
      columns.push_back(static_cast<int>(std::lround(x_.at(tick) * (columns_ - 1))));
    return columns;
  }

  std::string floor_line() const {
    auto ticks = tick_columns();
    std::string out(gutter_ + 1, ' ');
    out += style_.utf8 ? "└" : "+";
    for (int x = 0; x < columns_; ++x) {
      bool tick = std::find(ticks.begin(), ticks.end(), x) != ticks.end();
      out += style_.utf8 ? (tick ? "┬" : "─") : (tick ? "+" : "-");
    }
    return out;
  }

  // Labels centred below their ticks; one that would touch its neighbour is left out.
  std::string step_labels() const {
    auto columns = tick_columns();
    std::string out(gutter_ + 2, ' ');
    for (size_t i = 0; i < columns.size(); ++i) {
      int width = static_cast<int>(x_.labels[i].size());
      int begin = static_cast<int>(gutter_) + 2 + columns[i] - width / 2;
      begin = std::min(begin, static_cast<int>(gutter_) + 2 + columns_ - width);
      int used = static_cast<int>(out.find_last_not_of(' ') + 1);
      if (begin < (used > 0 ? used + 2 : 0)) continue;
      out.resize(static_cast<size_t>(begin), ' ');
      out += x_.labels[i];
    }
    size_t room = static_cast<size_t>(columns_) + gutter_ + 2;
    if (out.size() + 6 <= room + margin_)
      out += std::string(room > out.size() + 4 ? room - out.size() - 4 : 2, ' ') + "step";
    return trimmed(out);
  }

  static std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  const Panel& panel_;
  const TerminalStyle& style_;
  int rows_;
  Axis x_, y_;
  size_t gutter_ = 1;  // columns of the labels left of the axis
  size_t margin_ = 0;  // columns of the names right of the area
  int columns_ = 0;
};

}  // namespace

std::string terminal_plot(const std::vector<MetricSeries>& series, const TerminalStyle& style) {
  TerminalStyle bounded = style;
  bounded.width = std::clamp(style.width, 30, 1000);
  bounded.height = std::clamp(style.height, 5, 200);
  auto panels = panels_of(series);
  if (panels.empty())
    return has_points(series) ? "no number up to 1e300 to plot\n" : "no metrics to plot yet\n";
  std::string out;
  for (size_t i = 0; i < std::min(panels.size(), kMostPanels); ++i)
    out += (i ? "\n" : "") + PanelPicture(panels[i], bounded).text();
  if (panels.size() > kMostPanels)
    out += fmt::format("\n… and {} more kinds of metrics\n", panels.size() - kMostPanels);
  return out;
}

}  // namespace baton
