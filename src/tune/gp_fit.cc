#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>

#include "tune/gp.h"
#include "tune/lbfgs.h"

namespace baton {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Inverts a lower triangle in place, by halves: all of the work is in products.
void invert_lower(Eigen::Ref<MatrixXd> lower) {
  const Index n = lower.rows();
  if (n <= 24) {
    MatrixXd inverse = MatrixXd::Identity(n, n);
    lower.triangularView<Eigen::Lower>().solveInPlace(inverse);
    lower.triangularView<Eigen::Lower>() = inverse;
    return;
  }
  const Index first = n / 2, second = n - first;
  auto a = lower.topLeftCorner(first, first), c = lower.bottomRightCorner(second, second);
  auto b = lower.bottomLeftCorner(second, first);
  invert_lower(a);
  invert_lower(c);
  const MatrixXd product = c.triangularView<Eigen::Lower>() * b;
  b = -(product * a.triangularView<Eigen::Lower>());
}

// The symmetric matrix lowerᵀ · lower, in blocks that leave the zeros out.
MatrixXd gram_of_lower(const MatrixXd& lower) {
  constexpr Index kBlock = 48;
  const Index n = lower.rows();
  MatrixXd gram(n, n);
  for (Index i = 0; i < n; i += kBlock) {
    const Index rows = std::min(kBlock, n - i), rest = n - i;
    gram.block(i, 0, rows, i + rows).noalias() =
        lower.block(i, i, rest, rows).transpose() * lower.block(i, 0, rest, i + rows);
    gram.block(0, i, i, rows) = gram.block(i, 0, rows, i).transpose();
  }
  return gram;
}

// Adds Σ_ij weights_ij · dr²_ij / d(logarithms of lengths and warps); `weights` is symmetric.
void add_number_slopes(const Kernel& kernel, const GpInputs& inputs, const MatrixXd& scaled,
                       const MatrixXd& weights, VectorXd& gradient) {
  const GpShape& shape = kernel.shape();
  const VectorXd sums = weights.colwise().sum();
  const MatrixXd mixed = scaled * weights;
  // By each scaled coordinate: Σ_j weights_ij · 2 (s_i - s_j), twice for symmetry.
  const MatrixXd by_scaled = 4 * (scaled * sums.asDiagonal() - mixed);
  for (Index i = 0; i < shape.numbers; ++i) {
    gradient[shape.length(i)] -= by_scaled.row(i).dot(scaled.row(i));
    if (!shape.warped) continue;
    const double inverse_length = 1 / kernel.value(shape.length(i));
    for (Index j = 0; j < inputs.size(); ++j) {
      double by_a = 0, by_b = 0;
      kernel.warp_slopes(i, inputs.x(i, j), by_a, by_b);
      gradient[shape.warp_a(i)] += by_scaled(i, j) * inverse_length * by_a;
      gradient[shape.warp_b(i)] += by_scaled(i, j) * inverse_length * by_b;
    }
  }
}

void add_category_slopes(const Kernel& kernel, const GpInputs& inputs, const MatrixXd& weights,
                         VectorXd& gradient) {
  const GpShape& shape = kernel.shape();
  for (Index k = 0; k < shape.categories; ++k) {
    double sum = 0;
    for (Index j = 0; j < inputs.size(); ++j) {
      for (Index i = 0; i < j; ++i) {
        if (inputs.c(k, i) != inputs.c(k, j)) sum += weights(i, j);
      }
    }
    gradient[shape.weight(k)] -= sum * kernel.value(shape.weight(k));
  }
}

}  // namespace

GpPrior GpPrior::standard(const GpShape& shape) {
  GpPrior prior;
  const Index n = shape.size();
  prior.mean = prior.low = prior.high = VectorXd::Zero(n);
  prior.deviation = VectorXd::Ones(n);
  auto set = [&](Index at, double centre, double spread, double least, double most) {
    prior.mean[at] = centre;
    prior.deviation[at] = spread;
    prior.low[at] = std::log(least);
    prior.high[at] = std::log(most);
  };
  // Measured in 6, 10 and 18 dimensions: a little less than the side of the cube in each of them.
  const double typical = std::log(0.8);
  for (Index i = 0; i < shape.numbers; ++i) set(shape.length(i), typical, 1.0, 0.01, 100);
  for (Index i = 0; i < shape.categories; ++i) set(shape.weight(i), -0.7, 1.0, 1e-3, 10);
  for (Index i = 0; shape.warped && i < shape.numbers; ++i) {
    set(shape.warp_a(i), 0, 0.5, 0.2, 5);
    set(shape.warp_b(i), 0, 0.5, 0.2, 5);
  }
  set(shape.signal(), 0, 1.0, 0.05, 100);
  set(shape.noise(), std::log(3e-4), 3.0, 1e-8, 1);
  return prior;
}

std::vector<VectorXd> GpPrior::starts(const GpShape& shape) const {
  VectorXd noisy = mean;
  noisy.head(shape.numbers).array() += 0.7;
  noisy[shape.noise()] = std::log(0.1);
  return {mean, noisy};
}

double gp_loss(const GpShape& shape, const GpPrior& prior, const GpInputs& inputs,
               const VectorXd& targets, const VectorXd& hyper, VectorXd& gradient) {
  const Kernel kernel(shape, hyper);
  const MatrixXd scaled = kernel.scale(inputs.x);
  MatrixXd by_distance;
  const MatrixXd covariance = kernel.cross(scaled, inputs.c, scaled, inputs.c, &by_distance);
  MatrixXd noisy = covariance;
  noisy.diagonal().array() += kernel.noise();
  const Eigen::LLT<MatrixXd> llt(noisy);
  if (llt.info() != Eigen::Success) return std::numeric_limits<double>::infinity();
  const VectorXd alpha = llt.solve(targets);
  // Half of d loss / dK.
  MatrixXd inverse = llt.matrixL();
  invert_lower(inverse);
  MatrixXd half = gram_of_lower(inverse);
  half.noalias() -= alpha * alpha.transpose();
  half *= 0.5;

  const VectorXd z = (hyper - prior.mean).cwiseQuotient(prior.deviation);
  gradient = z.cwiseQuotient(prior.deviation);
  const MatrixXd by_covariance = half.cwiseProduct(covariance);
  add_number_slopes(kernel, inputs, scaled, half.cwiseProduct(by_distance), gradient);
  if (shape.categories > 0) add_category_slopes(kernel, inputs, 2 * by_covariance, gradient);
  gradient[shape.signal()] += by_covariance.sum();
  gradient[shape.noise()] += kernel.noise() * half.trace();
  return 0.5 * targets.dot(alpha) + llt.matrixLLT().diagonal().array().log().sum() +
         0.5 * z.squaredNorm();
}

VectorXd gp_fit(const GpShape& shape, const GpPrior& prior, const GpInputs& inputs,
                const VectorXd& targets, const std::vector<VectorXd>& starts, GpFitLimits limits) {
  const Objective objective = [&](const VectorXd& hyper, VectorXd& gradient) {
    return gp_loss(shape, prior, inputs, targets, hyper, gradient);
  };
  Minimum best{prior.mean, std::numeric_limits<double>::infinity(), 0};
  for (const VectorXd& start : starts) {
    Minimum found = minimize(objective, start, prior.low, prior.high,
                             {.evaluations = limits.evaluations, .tolerance = 1e-5});
    if (found.value < best.value) best = std::move(found);
  }
  return best.x;
}

}  // namespace baton
