// What both pictures have in common: panels, axes and thinning. Internal to plot.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/metrics.h"

namespace baton {

using Points = std::vector<std::pair<double, double>>;

struct Line {
  std::string name;
  Points points;  // finite, by x; not empty
};

// Lines that share a y axis.
struct Panel {
  std::string title;
  std::vector<Line> lines;
};

// The series that have something to plot, grouped by the last word of their names.
std::vector<Panel> panels_of(const std::vector<MetricSeries>& series);
// Whether anything was reported, plottable or not.
bool has_points(const std::vector<MetricSeries>& series);

// At most `most` points (>= 8), keeping the first, the last, the lowest and the highest of each
// stretch.
Points thin(const Points& points, size_t most);

// The mean point of each of `count` (>= 1) equal stretches. Precondition: points.size() >= count.
Points means(const Points& points, size_t count);

struct Axis {
  double low = 0, high = 1;  // shown range, low < high
  bool log = false;
  std::vector<double> ticks;        // within the range, ascending
  std::vector<std::string> labels;  // of the ticks

  // Where a value stands: 0 at low, 1 at high.
  double at(double value) const;
};

// Axes that show every point of the panel; about `ticks` ticks (>= 2).
Axis x_axis(const Panel& panel, int ticks);
Axis y_axis(const Panel& panel, int ticks);

// "0.0213", "1.2e-7", "12500": at most 5 significant digits.
std::string value_text(double value);
// A step in full: "1234567".
std::string step_text(double step);

}  // namespace baton
