#include "model/metrics.h"

#include <limits>
#include <map>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kMaxSeries = 1000;

std::optional<double> number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

class Collector {
 public:
  void add(const Json& row) {
    auto step = row.find("step");
    bool has_step = step != row.end() && step->is_number();
    x_ = has_step ? step->get<double>() : out.rows == 0 ? 0 : x_ + 1;
    ++out.rows;
    for (const auto& [name, value] : row.items()) {
      auto y = number(value);
      if (y && name != "step") append(name, *y);
    }
  }

  ReportedMetrics out;

 private:
  void append(const std::string& name, double y) {
    auto found = index_.find(name);
    if (found == index_.end()) {
      if (out.series.size() >= kMaxSeries) return;
      found = index_.emplace(name, out.series.size()).first;
      out.series.push_back({name, {}});
    }
    out.series[found->second].points.emplace_back(x_, y);
  }

  std::map<std::string, size_t> index_;
  double x_ = 0;
};

}  // namespace

ReportedMetrics metric_series(std::string_view lines) {
  Collector collector;
  while (!lines.empty()) {
    size_t end = lines.find('\n');
    bool complete = end != std::string_view::npos;
    std::string_view line = trim(lines.substr(0, end));
    lines.remove_prefix(complete ? end + 1 : lines.size());
    if (line.empty()) continue;
    auto row = parse_json(line, "metrics");
    if (row.ok() && row->is_object())
      collector.add(*row);
    else if (complete)
      ++collector.out.broken_lines;
  }
  return std::move(collector.out);
}

}  // namespace baton
