// Metrics: what a program reported, as series of numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace baton {

struct MetricSeries {
  std::string name;
  std::vector<std::pair<double, double>>
      points;  // step, value; in the order reported, NaN and infinity included
};

struct ReportedMetrics {
  std::vector<MetricSeries> series;  // in order of first appearance
  size_t rows = 0;
  size_t broken_lines = 0;  // neither empty nor a row
};

// Longer lines are not read.
constexpr size_t kMaxMetricsLine = size_t{1} << 20;

// One line as a program appends it (docs/program-contract.md): a JSON object, in which NaN,
// infinities and numbers too large for a double may stand bare, as Python's json and printf() write
// them. Those become numbers of the row, which dump_json() prints as null. Code::corrupt for
// anything else, such as a line that was cut off, and for lines beyond kMaxMetricsLine.
Result<Json> metrics_row(std::string_view line);

// A number as JSON has it, or "NaN", "Infinity" or "-Infinity", the contract's texts.
std::string metric_text(double value);

// Reads such lines: every member that is a number, null (which is NaN), or one of the contract's
// texts is a point of the series of its name. Its x is the row's "step"; a row without one stands
// one after the row before. A last line without newline is read if it is complete, and otherwise
// not counted as broken: it is being written. At most 1000 series; further names are left out.
ReportedMetrics metric_series(std::string_view lines);

}  // namespace baton
