#include "tune/gp.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace baton {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kLeastVariance = 1e-14;  // of the signal's

}  // namespace

Gp::Gp(Kernel kernel, GpInputs inputs, VectorXd targets)
    : kernel_(std::move(kernel)), inputs_(std::move(inputs)), targets_(std::move(targets)) {
  factorise();
  alpha_ = solve(targets_);
}

void Gp::factorise() {
  const Index n = size();
  scaled_ = kernel_.scale(inputs_.x);
  factor_.resize(n + n / 4 + 16, n + n / 4 + 16);
  const MatrixXd covariance = kernel_.cross(scaled_, inputs_.c, scaled_, inputs_.c);
  for (jitter_ = 0;; jitter_ = std::max(jitter_ * 10, 1e-10 * kernel_.signal())) {
    auto top = factor_.topLeftCorner(n, n);
    top = covariance;
    top.diagonal().array() += kernel_.noise() + jitter_;
    Eigen::LLT<Eigen::Ref<MatrixXd>> llt(top);
    if (llt.info() == Eigen::Success && top.diagonal().allFinite()) return;
    if (jitter_ > 1e3 * kernel_.signal()) break;  // only with inputs that are not numbers
  }
  factor_.topLeftCorner(n, n).setIdentity();
}

bool Gp::append_row(const GpInputs& point) {
  const Index n = size();
  const MatrixXd scaled = kernel_.scale(point.x);
  VectorXd row = kernel_.cross(scaled_, inputs_.c, scaled, point.c).col(0);
  factor_.topLeftCorner(n, n).triangularView<Eigen::Lower>().solveInPlace(row);
  const double pivot = kernel_.signal() + kernel_.noise() + jitter_ - row.squaredNorm();
  if (!(pivot > kLeastVariance * kernel_.signal())) return false;
  if (factor_.rows() <= n) {
    const Index capacity = n + n / 4 + 16;
    factor_.conservativeResize(capacity, capacity);
  }
  factor_.row(n).head(n) = row;
  factor_(n, n) = std::sqrt(pivot);
  inputs_.append(point);
  scaled_.conservativeResize(Eigen::NoChange, n + 1);
  scaled_.col(n) = scaled;
  return true;
}

void Gp::append(const GpInputs& points, const VectorXd& targets) {
  VectorXd all(targets_.size() + targets.size());
  all << targets_, targets;
  for (Index i = 0; i < points.size(); ++i) {
    if (append_row(points.range(i, 1))) continue;
    inputs_.append(points.range(i, points.size() - i));
    factorise();
    break;
  }
  set_targets(std::move(all));
}

void Gp::append_believed(const GpInputs& points) {
  if (points.size() > 0) append(points, predict(points).mean);
}

void Gp::truncate(Index count) {
  inputs_ = inputs_.range(0, count);
  scaled_ = scaled_.leftCols(count).eval();
  set_targets(targets_.head(count).eval());
}

void Gp::set_targets(VectorXd targets) {
  targets_ = std::move(targets);
  alpha_ = solve(targets_);
}

VectorXd Gp::solve(const VectorXd& v) const {
  VectorXd result = v;
  const auto lower = factor_.topLeftCorner(size(), size()).triangularView<Eigen::Lower>();
  lower.solveInPlace(result);
  lower.transpose().solveInPlace(result);
  return result;
}

MatrixXd Gp::cross(const GpInputs& points) const {
  return kernel_.cross(scaled_, inputs_.c, kernel_.scale(points.x), points.c);
}

double Gp::pull(const VectorXd& scaled, const Eigen::MatrixXi& categories, const VectorXd& weights,
                VectorXd& slope) const {
  MatrixXd by_distance;
  const VectorXd k = kernel_.cross(scaled_, inputs_.c, scaled, categories, &by_distance).col(0);
  const VectorXd w = by_distance.col(0).cwiseProduct(weights);
  slope += 2 * (w.sum() * scaled - scaled_ * w);
  return k.dot(weights);
}

GpPrediction Gp::predict(const GpInputs& points) const {
  MatrixXd k = cross(points);
  GpPrediction prediction;
  prediction.mean = k.transpose() * alpha_;
  factor_.topLeftCorner(size(), size()).triangularView<Eigen::Lower>().solveInPlace(k);
  prediction.variance = (kernel_.signal() - k.colwise().squaredNorm().array())
                            .max(kLeastVariance * kernel_.signal())
                            .transpose();
  return prediction;
}

MatrixXd Gp::covariance(const GpInputs& points) const {
  const MatrixXd scaled = kernel_.scale(points.x);
  MatrixXd k = kernel_.cross(scaled_, inputs_.c, scaled, points.c);
  factor_.topLeftCorner(size(), size()).triangularView<Eigen::Lower>().solveInPlace(k);
  MatrixXd result = kernel_.cross(scaled, points.c, scaled, points.c);
  result.noalias() -= k.transpose() * k;
  return result;
}

GpSlopes Gp::slopes(const GpInputs& point) const {
  const VectorXd scaled = kernel_.scale(point.x);
  MatrixXd by_distance;
  VectorXd k = kernel_.cross(scaled_, inputs_.c, scaled, point.c, &by_distance).col(0);
  GpSlopes slopes;
  slopes.mean = k.dot(alpha_);
  const auto lower = factor_.topLeftCorner(size(), size()).triangularView<Eigen::Lower>();
  lower.solveInPlace(k);
  const double variance =
      std::max(kernel_.signal() - k.squaredNorm(), kLeastVariance * kernel_.signal());
  slopes.deviation = std::sqrt(variance);
  lower.transpose().solveInPlace(k);
  // d k_j / d x_i = by_distance_j · 2 (x_i - x_ji): both sums at once.
  auto slope_of = [&](const VectorXd& weights) -> VectorXd {
    const VectorXd w = by_distance.col(0).cwiseProduct(weights);
    return 2 * (w.sum() * scaled - scaled_ * w);
  };
  const VectorXd chain = kernel_.scale_slope(point.x.col(0));
  slopes.mean_slope = slope_of(alpha_).cwiseProduct(chain);
  slopes.deviation_slope = slope_of(k).cwiseProduct(chain) / -slopes.deviation;
  return slopes;
}

}  // namespace baton
