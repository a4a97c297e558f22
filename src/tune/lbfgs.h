// Minimises a smooth function in a box: L-BFGS on the free variables with projected backtracking
// (Nocedal and Wright, "Numerical Optimization", 2nd ed., 7.2 and 16.7). Deterministic.
#pragma once

#include <Eigen/Core>
#include <functional>

namespace baton {

// The value at x; fills `gradient`, which has x's size. A value that is not finite is avoided.
using Objective = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct Minimum {
  Eigen::VectorXd x;
  double value = 0;
  int evaluations = 0;
};

struct LbfgsLimits {
  int evaluations = 100;
  double tolerance = 1e-6;  // stops when no step changes the value by more than this, relative to 1
};

// `start` is moved into [low, high] first. The result is never worse than the start.
Minimum minimize(const Objective& objective, const Eigen::VectorXd& start,
                 const Eigen::VectorXd& low, const Eigen::VectorXd& high, LbfgsLimits limits = {});

}  // namespace baton
