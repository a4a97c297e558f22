#include "tune/targets.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace baton {

using Eigen::Index;
using Eigen::VectorXd;

double normal_quantile(double p) {
  // Bisection on erfc would do; a rational start (Abramowitz and Stegun 26.2.23) and Newton's steps
  // are as exact and quicker.
  const bool upper = p > 0.5;
  const double tail = upper ? 1 - p : p;
  const double t = std::sqrt(-2 * std::log(tail));
  double x = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
                     (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
  for (int i = 0; i < 3; ++i) {
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
    x += (0.5 * std::erfc(x / std::numbers::sqrt2) - tail) / density;
  }
  return upper ? x : -x;
}

VectorXd targets_of(const std::vector<double>& costs) {
  const auto n = static_cast<Index>(costs.size());
  VectorXd y = Eigen::Map<const VectorXd>(costs.data(), n);
  std::vector<Index> order(costs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return y[a] < y[b]; });
  auto at = [&](Index rank) -> double& { return y[order[static_cast<size_t>(rank)]]; };
  const Index middle = n > 2 ? n / 2 : n - 1;  // two values have no worse half
  // Squares of what is left must not overflow.
  double largest = 0;
  for (Index i = 0; i <= middle; ++i) largest = std::max(largest, std::abs(at(i)));
  if (largest > 0) y /= largest;
  const double median = n > 0 ? at(middle) : 0;
  double squares = 0;
  for (Index i = 0; i < middle; ++i) squares += (median - at(i)) * (median - at(i));
  // Where half of all are equal only order is left.
  const double spread =
      squares > 0 ? std::sqrt(squares / static_cast<double>(std::max<Index>(middle, 1))) : 1;
  double before = median;  // as it was
  for (Index i = middle + 1; i < n; ++i) {
    const double value = at(i);
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    at(i) = value == before ? at(i - 1) : median + spread * normal_quantile(p);
    before = value;
  }
  y.array() -= y.mean();
  const double deviation = std::sqrt(y.squaredNorm() / static_cast<double>(std::max<Index>(n, 1)));
  if (deviation > 1e-300) return y / deviation;
  return VectorXd::Zero(n);
}

}  // namespace baton
