// Test problems with known minima, to be minimised.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/space.h"

namespace baton::bench {

struct Problem {
  std::string name;
  Space space;
  double minimum = 0;
  std::function<double(const Params&)> value;  // without noise
  double noise = 0;                            // standard deviation that observations have
};

// All of them, in the order of the report.
std::vector<Problem> problems();

}  // namespace baton::bench
