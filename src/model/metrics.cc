#include "model/metrics.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>

#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kMaxSeries = 1000;

std::optional<double> number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '+' || c == '.';
}

// The end of the text in quotes that begins at `at`.
size_t end_of_text(std::string_view line, size_t at) {
  for (++at; at < line.size() && line[at] != '"'; ++at)
    if (line[at] == '\\') ++at;
  return std::min(at + 1, line.size());
}

// What strtod() takes for a number that is not finite: nan, -Infinity, 1e999 and the like.
std::optional<double> non_finite(const std::string& word) {
  char* end = nullptr;
  double value = std::strtod(word.c_str(), &end);
  if (end == word.c_str() || *end != '\0' || std::isfinite(value)) return std::nullopt;
  return value;
}

// The line with every number that JSON does not have as one of the contract's texts.
std::string with_texts(std::string_view line) {
  std::string out;
  for (size_t at = 0, end = 0; at < line.size(); at = end) {
    end = at + 1;
    if (line[at] == '"')
      end = end_of_text(line, at);
    else if (in_word(line[at]))
      while (end < line.size() && in_word(line[end])) ++end;
    std::string word(line.substr(at, end - at));
    auto value = in_word(word[0]) ? non_finite(word) : std::nullopt;
    out += value ? '"' + metric_text(*value) + '"' : word;
  }
  return out;
}

class Collector {
 public:
  void add(const Json& row) {
    auto step = row.find("step");
    bool has_step = step != row.end() && step->is_number() && std::isfinite(step->get<double>());
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

Result<Json> metrics_row(std::string_view line) {
  const Error none{Code::corrupt, "a line of metrics is no JSON object", ""};
  if (line.size() > kMaxMetricsLine) return none;
  auto row = parse_json(line, "a line of metrics");
  if (row.ok()) return row->is_object() ? row : Result<Json>(none);
  row = parse_json(with_texts(line), "a line of metrics");
  if (!row.ok() || !row->is_object()) return none;
  for (auto& [name, value] : row->items())
    if (auto found = value.is_string() ? number(value) : std::nullopt) value = *found;
  return row;
}

std::string metric_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return dump_json(Json(value));
}

ReportedMetrics metric_series(std::string_view lines) {
  Collector collector;
  while (!lines.empty()) {
    size_t end = lines.find('\n');
    bool complete = end != std::string_view::npos;
    std::string_view line = trim(lines.substr(0, end));
    lines.remove_prefix(complete ? end + 1 : lines.size());
    if (line.empty()) continue;
    auto row = metrics_row(line);
    if (row.ok())
      collector.add(*row);
    else if (complete)
      ++collector.out.broken_lines;
  }
  return std::move(collector.out);
}

}  // namespace baton
