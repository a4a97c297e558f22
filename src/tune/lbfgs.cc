#include "tune/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

namespace baton {
namespace {

using Eigen::VectorXd;
constexpr size_t kMemory = 8;

struct Pair {
  VectorXd step, change;
  double curvature = 0;  // step · change > 0
};

// The quasi-Newton direction from the two-loop recursion.
VectorXd direction(const std::deque<Pair>& memory, const VectorXd& gradient) {
  VectorXd d = -gradient;
  std::vector<double> alpha(memory.size());
  for (size_t i = memory.size(); i-- > 0;) {
    alpha[i] = memory[i].step.dot(d) / memory[i].curvature;
    d -= alpha[i] * memory[i].change;
  }
  if (!memory.empty()) d *= memory.back().curvature / memory.back().change.squaredNorm();
  for (size_t i = 0; i < memory.size(); ++i) {
    d += (alpha[i] - memory[i].change.dot(d) / memory[i].curvature) * memory[i].step;
  }
  return d;
}

// 0 where a bound holds x and the gradient presses against it.
VectorXd free_part(VectorXd vector, const VectorXd& x, const VectorXd& gradient,
                   const VectorXd& low, const VectorXd& high) {
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    if ((x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0)) vector[i] = 0;
  }
  return vector;
}

}  // namespace

Minimum minimize(const Objective& objective, const VectorXd& start, const VectorXd& low,
                 const VectorXd& high, LbfgsLimits limits) {
  auto project = [&](const VectorXd& x) -> VectorXd { return x.cwiseMax(low).cwiseMin(high); };
  Minimum best{project(start), 0, 1};
  VectorXd gradient = VectorXd::Zero(start.size());
  best.value = objective(best.x, gradient);
  if (!std::isfinite(best.value) || !gradient.allFinite()) return best;
  std::deque<Pair> memory;
  VectorXd next_gradient(start.size());
  while (best.evaluations < limits.evaluations) {
    const VectorXd steepest = free_part(-gradient, best.x, gradient, low, high);
    if (steepest.lpNorm<Eigen::Infinity>() < 1e-12) break;
    VectorXd d = direction(memory, -steepest);
    d = free_part(std::move(d), best.x, gradient, low, high);
    if (!(d.dot(gradient) < 0) || !d.allFinite()) {
      memory.clear();
      d = steepest;
    }
    double scale = 1;
    if (memory.empty()) scale = std::min(1.0, 0.1 * (high - low).mean() / d.norm());
    bool moved = false;
    double gain = 0;
    for (; best.evaluations < limits.evaluations && scale > 1e-10; scale *= 0.3) {
      const VectorXd x = project(best.x + scale * d);
      const VectorXd step = x - best.x;
      const double slope = step.dot(gradient);
      if (!(slope < 0)) continue;
      const double value = objective(x, next_gradient);
      ++best.evaluations;
      if (!std::isfinite(value) || !next_gradient.allFinite()) continue;
      if (value > best.value + 1e-4 * slope) continue;
      Pair pair{step, next_gradient - gradient, 0};
      pair.curvature = pair.step.dot(pair.change);
      if (pair.curvature > 1e-10 * pair.step.norm() * pair.change.norm()) {
        memory.push_back(std::move(pair));
        if (memory.size() > kMemory) memory.pop_front();
      }
      gain = best.value - value;
      best.x = x;
      best.value = value;
      gradient.swap(next_gradient);
      moved = true;
      break;
    }
    if (!moved) {
      if (memory.empty()) break;
      memory.clear();
      continue;
    }
    if (gain < limits.tolerance * std::max(1.0, std::abs(best.value))) break;
  }
  return best;
}

}  // namespace baton
