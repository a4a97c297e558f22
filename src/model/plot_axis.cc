#include "model/plot_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace baton {
namespace {

// Beyond this, differences of values would overflow.
constexpr double kLargest = 1e300;

bool plottable(const std::pair<double, double>& point) {
  return std::abs(point.first) <= kLargest && std::abs(point.second) <= kLargest;  // false for NaN
}

std::string shown_name(const std::string& name) {
  constexpr size_t kLongest = 40;
  std::string text = printable(name);
  if (text.size() <= kLongest) return text;
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// "train_loss", "val/loss", "loss" → "loss"; "layer_1", "layer_2" → "layer".
std::string kind_of(const std::string& name) {
  size_t cut = name.find_last_of("_/.-: ");
  if (cut == std::string::npos || cut == 0 || cut + 1 == name.size()) return name;
  bool numbered = name.find_first_not_of("0123456789", cut + 1) == std::string::npos;
  return numbered ? name.substr(0, cut) : name.substr(cut + 1);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// 1, 2 or 5 times a power of ten, at least `least`.
double nice_step(double least) {
  double power = std::pow(10.0, std::floor(std::log10(least)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

// A label with as many decimals as tell neighbouring ticks apart.
std::string tick_label(double value, double step) {
  if (std::abs(value) < step / 1e6) return "0";
  double size = std::abs(value);
  if (size >= 1e7 || size < 1e-4 || step < 1e-6) return value_text(value);
  int decimals = static_cast<int>(std::clamp(std::ceil(-std::log10(step) - 1e-9), 0.0, 9.0));
  return fmt::format("{:.{}f}", value, decimals);
}

void linear_ticks(Axis& axis, double step) {
  // Counted, as adding up would drift; bounded, as a step may vanish against the range.
  double first = std::ceil(axis.low / step - 1e-6);
  for (int i = 0; i < 64; ++i) {
    double tick = (first + i) * step;
    if (tick > axis.high + step * 1e-6) break;
    axis.ticks.push_back(tick);
    axis.labels.push_back(tick_label(tick, step));
  }
}

Axis constant_axis(double value) {
  Axis axis;
  double around = std::abs(value) < 1e-290 ? 1 : std::abs(value) / 2;
  axis.low = value - around;
  axis.high = value + around;
  axis.ticks = {value};
  axis.labels = {value_text(value)};
  return axis;
}

// A range narrower than doubles can resolve is shown as constant.
bool is_narrow(const Range& range) {
  double size = std::max(std::abs(range.low), std::abs(range.high));
  return range.high - range.low <= size * 1e-12 || range.high - range.low < 1e-300;
}

Axis log_axis(const Range& range, int ticks) {
  Axis axis;
  axis.log = true;
  double first = std::floor(std::log10(range.low) + 1e-9);
  double last = std::ceil(std::log10(range.high) - 1e-9);
  double every = std::max(1.0, std::ceil((last - first) / ticks));
  axis.low = std::max(range.low / 1.1, std::pow(10.0, first));
  axis.high = std::min(range.high * 1.1, std::pow(10.0, last));
  for (double exponent = first; exponent <= last; exponent += every) {
    double tick = std::pow(10.0, exponent);
    if (tick < axis.low * 0.999 || tick > axis.high * 1.001) continue;
    axis.ticks.push_back(tick);
    axis.labels.push_back(value_text(tick));
  }
  return axis;
}

// Where values span decades and most would lie flat on the floor of a linear axis.
bool wants_log(const Panel& panel, const Range& range) {
  if (range.low <= 0 || range.high / 100 < range.low) return false;
  size_t low = 0, all = 0;
  for (const auto& line : panel.lines)
    for (const auto& point : line.points) {
      ++all;
      if (point.second < range.low + (range.high - range.low) / 20) ++low;
    }
  return low * 2 > all;
}

}  // namespace

std::vector<Panel> panels_of(const std::vector<MetricSeries>& series) {
  std::vector<Panel> panels;
  for (const auto& one : series) {
    Line line{shown_name(one.name), {}};
    std::copy_if(one.points.begin(), one.points.end(), std::back_inserter(line.points), plottable);
    if (line.points.empty()) continue;
    std::stable_sort(line.points.begin(), line.points.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string kind = shown_name(kind_of(one.name));
    auto panel = std::find_if(panels.begin(), panels.end(),
                              [&](const Panel& other) { return other.title == kind; });
    if (panel == panels.end()) panel = panels.insert(panel, Panel{kind, {}});
    panel->lines.push_back(std::move(line));
  }
  for (auto& panel : panels)
    if (panel.lines.size() == 1) panel.title = panel.lines[0].name;
  return panels;
}

bool has_points(const std::vector<MetricSeries>& series) {
  return std::any_of(series.begin(), series.end(),
                     [](const auto& one) { return !one.points.empty(); });
}

Points thin(const Points& points, size_t most) {
  if (points.size() <= most) return points;
  size_t stretches = std::max<size_t>(most / 4, 1);
  Points kept;
  for (size_t i = 0; i < stretches; ++i) {
    auto begin = points.begin() + static_cast<std::ptrdiff_t>(points.size() * i / stretches);
    auto end = points.begin() + static_cast<std::ptrdiff_t>(points.size() * (i + 1) / stretches);
    auto [lowest, highest] = std::minmax_element(
        begin, end, [](const auto& a, const auto& b) { return a.second < b.second; });
    decltype(begin) chosen[] = {begin, lowest, highest, end - 1};
    std::sort(std::begin(chosen), std::end(chosen));
    auto unique_end = std::unique(std::begin(chosen), std::end(chosen));
    std::for_each(std::begin(chosen), unique_end, [&](auto point) { kept.push_back(*point); });
  }
  return kept;
}

Points means(const Points& points, size_t count) {
  Points found;
  found.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    size_t begin = points.size() * i / count, end = points.size() * (i + 1) / count;
    double x = 0, y = 0;
    for (size_t k = begin; k < end; ++k) {
      // Divided before they are added, as the sum may overflow.
      x += points[k].first / static_cast<double>(end - begin);
      y += points[k].second / static_cast<double>(end - begin);
    }
    found.emplace_back(x, y);
  }
  return found;
}

double Axis::at(double value) const {
  // Differences of logarithms, as the quotients may overflow.
  if (log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

Axis x_axis(const Panel& panel, int ticks) {
  Range range;
  bool whole = true;
  for (const auto& line : panel.lines) {
    range.include(line.points.front().first);
    range.include(line.points.back().first);
    for (const auto& point : line.points) whole = whole && point.first == std::floor(point.first);
  }
  if (is_narrow(range)) return constant_axis(range.low);
  Axis axis;
  axis.low = range.low;
  axis.high = range.high;
  double step = nice_step((range.high - range.low) / ticks);
  linear_ticks(axis, whole ? std::max(step, 1.0) : step);
  return axis;
}

Axis y_axis(const Panel& panel, int ticks) {
  Range range;
  for (const auto& line : panel.lines)
    for (const auto& point : line.points) range.include(point.second);
  if (is_narrow(range)) return constant_axis(range.low);
  if (wants_log(panel, range)) return log_axis(range, ticks);
  // From zero where zero is near: heights can then be compared.
  if (range.low > 0 && range.low < (range.high - range.low) / 2) range.low = 0;
  if (range.high < 0 && -range.high < (range.high - range.low) / 2) range.high = 0;
  double step = nice_step((range.high - range.low) / ticks);
  Axis axis;
  double margin = step / 5;
  axis.low = std::floor(range.low / margin + 1e-6) * margin;
  axis.high = std::ceil(range.high / margin - 1e-6) * margin;
  linear_ticks(axis, step);
  return axis;
}

std::string step_text(double step) {
  bool whole = step == std::floor(step) && std::abs(step) < 1e15;
  return whole ? fmt::format("{:.0f}", step) : value_text(step);
}

std::string value_text(double value) {
  std::string text = fmt::format("{:.5g}", value);
  // 1e-07 → 1e-7: no leading zero in the exponent.
  size_t e = text.find('e');
  if (e != std::string::npos && e + 2 < text.size() && text[e + 2] == '0') text.erase(e + 2, 1);
  if (e != std::string::npos && text[e + 1] == '+') text.erase(e + 1, 1);
  return text;
}

}  // namespace baton
