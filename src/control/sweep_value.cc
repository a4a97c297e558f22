#include "control/sweep_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "model/metrics.h"

namespace baton {
namespace {

constexpr size_t kShownNames = 20;

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
  if (result.unknown) result.problem = unknown_metric(spec.metric, result.names);
  return result;
}

std::vector<std::pair<int64_t, double>> new_reports(const std::string& lines,
                                                    const std::string& metric, int64_t after) {
  std::vector<std::pair<int64_t, double>> reports;
  auto metrics = metric_series(lines);
  for (const auto& series : metrics.series) {
    if (series.name != metric) continue;
    for (const auto& [x, value] : series.points) {
      if (!std::isfinite(value) || !std::isfinite(x) || std::abs(x) > 1e15) continue;
      auto step = static_cast<int64_t>(x);
      if (step <= after) continue;
      reports.emplace_back(step, value);
      after = step;
    }
  }
  return reports;
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
