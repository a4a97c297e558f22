#include "tune/kernel.h"

#include <cmath>

namespace baton {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXi;
using Eigen::VectorXd;

// Keeps Kumaraswamy's function away from its ends, where its slope may be infinite.
constexpr double kMargin = 1e-3;
double inner(double x) { return kMargin + (1 - 2 * kMargin) * x; }

}  // namespace

void GpInputs::append(const GpInputs& other) {
  const Index old = size();
  x.conservativeResize(other.x.rows(), old + other.size());
  c.conservativeResize(other.c.rows(), old + other.size());
  x.rightCols(other.size()) = other.x;
  c.rightCols(other.size()) = other.c;
}

Kernel::Kernel(GpShape shape, VectorXd hyper)
    : shape_(shape),
      hyper_(std::move(hyper)),
      signal_(std::exp(hyper_[shape.signal()])),
      noise_(std::exp(hyper_[shape.noise()])),
      inverse_length_((-hyper_.head(shape.numbers)).array().exp()),
      weight_(hyper_.segment(shape.numbers, shape.categories).array().exp()) {
  if (!shape.warped) return;
  a_ = hyper_.segment(shape.warp_a(0), shape.numbers).array().exp();
  b_ = hyper_.segment(shape.warp_b(0), shape.numbers).array().exp();
}

double Kernel::warp(Index i, double x) const {
  return 1 - std::pow(1 - std::pow(inner(x), a_[i]), b_[i]);
}

MatrixXd Kernel::scale(const MatrixXd& x) const {
  MatrixXd scaled = x;
  if (shape_.warped) {
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = 0; i < x.rows(); ++i) scaled(i, j) = warp(i, x(i, j));
    }
  }
  return inverse_length_.asDiagonal() * scaled;
}

VectorXd Kernel::scale_slope(const VectorXd& x) const {
  if (!shape_.warped) return inverse_length_;
  VectorXd slope(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const double at = inner(x[i]), power = std::pow(at, a_[i]);
    slope[i] = inverse_length_[i] * (1 - 2 * kMargin) * a_[i] * b_[i] * power / at *
               std::pow(1 - power, b_[i] - 1);
  }
  return slope;
}

void Kernel::warp_slopes(Index i, double x, double& by_a, double& by_b) const {
  const double at = inner(x), power = std::pow(at, a_[i]), rest = std::pow(1 - power, b_[i]);
  by_a = a_[i] * b_[i] * rest / (1 - power) * power * std::log(at);
  by_b = -b_[i] * rest * std::log1p(-power);
}

MatrixXd Kernel::cross(const MatrixXd& scaled_a, const MatrixXi& a_categories,
                       const MatrixXd& scaled_b, const MatrixXi& b_categories,
                       MatrixXd* slope) const {
  const Index n = scaled_a.cols(), m = scaled_b.cols();
  MatrixXd r = MatrixXd::Zero(n, m);
  if (shape_.numbers > 0) {
    // The product form loses digits when points lie far from the origin: move it between them.
    const VectorXd middle = scaled_a.rowwise().mean();
    const MatrixXd a = scaled_a.colwise() - middle, b = scaled_b.colwise() - middle;
    r.noalias() = -2 * a.transpose() * b;
    r.colwise() += a.colwise().squaredNorm().transpose().eval();
    r.rowwise() += b.colwise().squaredNorm().eval();
    r = (5 * r.array().max(0)).sqrt();
  }
  MatrixXd scale = signal_ * (-r.array()).exp();
  for (Index k = 0; k < shape_.categories; ++k) {
    const double factor = std::exp(-weight_[k]);
    for (Index j = 0; j < m; ++j) {
      for (Index i = 0; i < n; ++i) {
        if (a_categories(k, i) != b_categories(k, j)) scale(i, j) *= factor;
      }
    }
  }
  if (slope) *slope = -5.0 / 6 * (1 + r.array()) * scale.array();
  return (1 + r.array() * (1 + r.array() / 3)) * scale.array();
}

}  // namespace baton
