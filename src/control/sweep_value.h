// What a trial is worth: its metric, from what it reported.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/inspect.h"
#include "ledger/ledger.h"
#include "model/sweep_spec.h"

namespace baton {

struct TrialValue {
  std::optional<double> value;     // finite
  std::string problem;             // why there is none: "val_loss is NaN"
  bool unknown = false;            // the metric was never reported
  std::vector<std::string> names;  // of what was
};

// Of JSON lines as a program appends them. Precondition: spec.metric is not empty.
TrialValue trial_value(const std::string& lines, const SweepSpec& spec);

// Reports of the metric at steps greater than `after`, in order, finite ones only.
std::vector<std::pair<int64_t, double>> new_reports(const std::string& lines,
                                                    const std::string& metric, int64_t after);

// The same for lines that grow: each is parsed once.
class ReportScanner {
 public:
  explicit ReportScanner(std::string metric) : metric_(std::move(metric)) {}
  // `lines`: all so far. Only what follows the whole lines of the last call is looked at.
  void read_on(std::string_view lines);
  // Forgets reports up to the step.
  void drop(int64_t step);
  const std::deque<std::pair<int64_t, double>>& reports() const { return reports_; }

 private:
  void take(std::string_view line);

  std::string metric_;
  size_t read_ = 0;          // of the lines
  std::optional<double> x_;  // of the last row
  std::optional<int64_t> last_;
  std::deque<std::pair<int64_t, double>> reports_;
};

// What a trial's job reports, looked at again and again.
class TrialReports {
 public:
  // As MetricsReader.
  Status read_on(Ledger& ledger, const History& history) {
    return metrics_.read_on(ledger, history);
  }
  const std::string& lines() const { return metrics_.lines(); }
  // As new_reports() of lines(). The metric is always the same, and `after` never falls. Good until
  // the next call.
  const std::deque<std::pair<int64_t, double>>& news(const std::string& metric, int64_t after);

 private:
  MetricsReader metrics_;
  std::optional<ReportScanner> scanner_;
  size_t cuts_ = 0;  // of the metrics when the scanner began
};

// "no trial reports …": for people, with the names that were reported and a did-you-mean.
std::string unknown_metric(const std::string& metric, const std::vector<std::string>& names);

}  // namespace baton
