// What the Gaussian process is taught instead of the costs themselves.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace baton {

// Costs with mean 0 and deviation 1, in the same order. The better half keeps its distances; the
// worse half keeps only its order and is laid out as the worse half of a normal distribution, so
// that no divergence, however large, flattens what matters (the half-rank warping of Song et al.,
// "The Vizier Gaussian Process Bandit Algorithm", 2024). All zero where all costs are equal.
Eigen::VectorXd targets_of(const std::vector<double>& costs);

// The quantile of the standard normal distribution, for p in (0, 1).
double normal_quantile(double p);

}  // namespace baton
