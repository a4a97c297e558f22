// Metrics: what a program reported, as series of numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baton {

struct MetricSeries {
  std::string name;
  std::vector<std::pair<double, double>>
      points;  // step, value; in the order reported, NaN and infinity included
};

struct ReportedMetrics {
  std::vector<MetricSeries> series;  // in order of first appearance
  size_t rows = 0;
  size_t broken_lines = 0;  // neither empty nor a JSON object
};

// Reads JSON lines as a program appends them (docs/program-contract.md): every member that is a
// number, or the text "NaN", "Infinity" or "-Infinity", is a point of the series of its name. Its x
// is the row's "step"; a row without one stands one after the row before. A last line without
// newline is read if it is complete, and otherwise not counted as broken: it is being written. At
// most 1000 series; further names are left out.
ReportedMetrics metric_series(std::string_view lines);

}  // namespace baton
