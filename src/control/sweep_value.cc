#include "control/sweep_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "model/metrics.h"

namespace baton {
namespace {

constexpr size_t kShownNames = 20;
constexpr double kMostSteps = 1e15;

std::optional<double> chosen(const MetricSeries& series, const SweepSpec& spec) {
  if (!spec.best) {
    double last = series.points.back().second;
    return std::isfinite(last) ? std::optional(last) : std::nullopt;
  }
  std::optional<double> best;
  for (const auto& [step, value] : series.points)
    if (std::isfinite(value) && (!best || (spec.maximize ? value > *best : value < *best)))
      best = value;
  return best;
}

// What the last row with the metric has in place of a number; "" when no row has it.
std::string no_number(const std::string& lines, const std::string& metric) {
  std::string found;
  for (const auto& line : split(lines, '\n')) {
    auto row = metrics_row(trim(line));
    if (!row.ok()) continue;
    auto value = row->find(metric);
    if (value != row->end() && !value->is_number()) found = shortened(dump_json(*value));
  }
  return found;
}

std::string first_broken(const std::string& lines) {
  for (const auto& line : split(lines, '\n'))
    if (!trim(line).empty() && !metrics_row(trim(line)).ok()) return shortened(line);
  return "";
}

std::string why_unknown(const std::string& lines, const std::string& metric,
                        const std::vector<std::string>& names) {
  if (std::string value = no_number(lines, metric); !value.empty())
    return fmt::format("{} was reported as {}, and only numbers count", printable(metric), value);
  std::string broken = names.empty() ? first_broken(lines) : "";
  if (broken.empty()) return unknown_metric(metric, names);
  return fmt::format(
      "no metric \"{}\" was reported; a line in the metrics file is no JSON object: {} "
      "(docs/program-contract.md tells how)",
      printable(metric), broken);
}

const char* kind_of(double value) { return std::isnan(value) ? "NaN" : "infinite"; }

}  // namespace

TrialValue trial_value(const std::string& lines, const SweepSpec& spec) {
  TrialValue result;
  auto metrics = metric_series(lines);
  for (const auto& series : metrics.series) {
    result.names.push_back(series.name);
    if (series.name != spec.metric) continue;
    result.value = chosen(series, spec);
    if (!result.value)
      result.problem =
          fmt::format("{} is {}", printable(spec.metric), kind_of(series.points.back().second));
  }
  result.unknown = !result.value && result.problem.empty();
  if (result.unknown) result.problem = why_unknown(lines, spec.metric, result.names);
  return result;
}

std::vector<std::pair<int64_t, double>> new_reports(const std::string& lines,
                                                    const std::string& metric, int64_t after) {
  ReportScanner scanner(metric);
  scanner.read_on(lines);
  scanner.drop(after);
  return {scanner.reports().begin(), scanner.reports().end()};
}

void ReportScanner::read_on(std::string_view lines) {
  for (size_t end; (end = lines.find('\n', read_)) != std::string_view::npos; read_ = end + 1)
    take(lines.substr(read_, end - read_));
  // The last line may lack no more than its end. It is read again when it has got that.
  const auto before = x_;
  take(lines.substr(std::min(read_, lines.size())));
  x_ = before;
}

// Where a row stands is as metric_series() has it.
void ReportScanner::take(std::string_view line) {
  auto row = metrics_row(trim(line));
  if (!row.ok()) return;
  auto step = row->find("step");
  const bool has_step =
      step != row->end() && step->is_number() && std::isfinite(step->get<double>());
  x_ = has_step ? step->get<double>() : x_ ? *x_ + 1 : 0;
  auto value = row->find(metric_);
  if (value == row->end() || !value->is_number() || !std::isfinite(value->get<double>())) return;
  if (std::abs(*x_) > kMostSteps || (last_ && static_cast<int64_t>(*x_) <= *last_)) return;
  last_ = static_cast<int64_t>(*x_);
  reports_.emplace_back(*last_, value->get<double>());
}

void ReportScanner::drop(int64_t step) {
  while (!reports_.empty() && reports_.front().first <= step) reports_.pop_front();
}

const std::deque<std::pair<int64_t, double>>& TrialReports::news(const std::string& metric,
                                                                 int64_t after) {
  if (!scanner_ || cuts_ != metrics_.cuts()) scanner_.emplace(metric);
  cuts_ = metrics_.cuts();
  scanner_->read_on(lines());
  scanner_->drop(after);
  return scanner_->reports();
}

std::string unknown_metric(const std::string& metric, const std::vector<std::string>& names) {
  std::string text = fmt::format("no metric \"{}\" was reported", printable(metric));
  if (names.empty()) return text + "; nothing was (docs/program-contract.md tells how)";
  std::vector<std::string> shown;
  for (const auto& name : names)
    if (shown.size() < kShownNames) shown.push_back(printable(name));
  text += fmt::format("; there are: {}{}", fmt::join(shown, ", "),
                      names.size() > kShownNames ? ", …" : "");
  if (auto near = did_you_mean(metric, names))
    text += fmt::format("; did you mean \"{}\"?", printable(*near));
  return text;
}

}  // namespace baton
