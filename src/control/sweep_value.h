// What a trial is worth: its metric, from what it reported.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
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

// "no trial reports …": for people, with the names that were reported and a did-you-mean.
std::string unknown_metric(const std::string& metric, const std::vector<std::string>& names);

}  // namespace baton
