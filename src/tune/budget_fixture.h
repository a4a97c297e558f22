// For the tests of methods with budgets: one parameter, nine steps, and a curve that falls with
// both.
#pragma once

#include "tune/testing.h"

namespace baton {

inline const char* const kSpace = R"({"x": {"min": 0, "max": 1}})";

inline TuneOptions rungs(const std::string& method, uint64_t trials = 0) {
  TuneOptions options;
  options.method = method;
  options.trials = trials;
  options.max_step = 9;
  return options;
}

inline double curve(const Params& params, int64_t step) {
  double x = number(params, "x") - 0.3;
  return x * x + 1 / static_cast<double>(step);
}

}  // namespace baton
