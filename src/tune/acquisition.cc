#include "tune/acquisition.h"

#include <cmath>
#include <numbers>

namespace baton {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double log_improvement(double u, double* slope) {
  static const double kLogRoot = 0.5 * std::log(2 * std::numbers::pi);
  if (u > -1) {
    const double density = std::exp(-u * u / 2 - kLogRoot);
    const double below = 0.5 * std::erfc(-u / std::numbers::sqrt2);
    const double value = density + u * below;
    if (slope) *slope = below / value;
    return std::log(value);
  }
  // φ(u) · (1 - |u| R), with Mills' ratio R = Φ(-|u|) / φ(u).
  const double t = -u;
  double ratio = 0, rest = 0;
  if (t < 25) {
    ratio =
        std::sqrt(std::numbers::pi / 2) * std::erfc(t / std::numbers::sqrt2) * std::exp(t * t / 2);
    rest = 1 - t * ratio;
  } else {
    const double s = 1 / (t * t);
    rest = s * (1 - s * (3 - s * (15 - 105 * s)));
    ratio = (1 - rest) / t;
  }
  if (slope) *slope = ratio / rest;
  return -t * t / 2 - kLogRoot + std::log(rest);
}

VectorXd LogExpectedImprovement::scores(const GpInputs& points) const {
  const GpPrediction prediction = gp_->predict(points);
  VectorXd scores(points.size());
  for (Index i = 0; i < scores.size(); ++i) {
    const double deviation = std::sqrt(prediction.variance[i]);
    scores[i] =
        std::log(deviation) + log_improvement((incumbent_ - prediction.mean[i]) / deviation);
  }
  return scores;
}

double LogExpectedImprovement::score(const GpInputs& point, VectorXd& slope) const {
  const GpSlopes at = gp_->slopes(point);
  const double u = (incumbent_ - at.mean) / at.deviation;
  double by_u = 0;
  const double score = std::log(at.deviation) + log_improvement(u, &by_u);
  slope = (at.deviation_slope * (1 - u * by_u) - by_u * at.mean_slope) / at.deviation;
  return score;
}

PathSample::PathSample(const Gp& gp, Rng rng, Index features) : gp_(&gp) {
  const Kernel& kernel = gp.kernel();
  const Index numbers = kernel.shape().numbers;
  frequencies_.resize(features, numbers);
  phases_.resize(features);
  weights_.resize(features);
  const double scale = std::sqrt(2 * kernel.signal() / static_cast<double>(features));
  for (Index f = 0; f < features; ++f) {
    // Matérn 5/2's spectrum is a t distribution with five degrees of freedom.
    double chi = 0;
    for (int i = 0; i < 5; ++i) {
      const double z = rng.normal();
      chi += z * z;
    }
    for (Index i = 0; i < numbers; ++i) frequencies_(f, i) = rng.normal() / std::sqrt(chi / 5);
    phases_[f] = 2 * std::numbers::pi * rng.uniform();
    weights_[f] = scale * rng.normal();
  }
  sign_key_ = rng.next();
  VectorXd noise(gp.size());
  const double deviation = std::sqrt(kernel.noise() + gp.jitter());
  for (Index i = 0; i < gp.size(); ++i) noise[i] = deviation * rng.normal();
  update_ = gp.solve(gp.targets() - prior(gp.inputs(), kernel.scale(gp.inputs().x)) - noise);
}

Eigen::ArrayXd PathSample::amplitudes(const Eigen::VectorXi& categories) const {
  // E[sign(a) sign(b)] must be exp(-weight) for a ≠ b: with that probability the sign is the same
  // for all choices, otherwise each choice has its own.
  Eigen::ArrayXd amplitudes = weights_;
  const Kernel& kernel = gp_->kernel();
  for (Index k = 0; k < categories.size(); ++k) {
    const double shared = std::exp(-kernel.value(kernel.shape().weight(k)));
    for (Index f = 0; f < amplitudes.size(); ++f) {
      Rng of_feature(sign_key_, static_cast<uint64_t>(f), static_cast<uint64_t>(k));
      if (of_feature.uniform() < shared) {
        if (of_feature.next() & 1) amplitudes[f] = -amplitudes[f];
        continue;
      }
      const auto choice = static_cast<uint64_t>(categories[k] + 1);
      Rng of_choice(of_feature.next(), choice);
      if (of_choice.next() & 1) amplitudes[f] = -amplitudes[f];
    }
  }
  return amplitudes;
}

VectorXd PathSample::prior(const GpInputs& points, const MatrixXd& scaled) const {
  MatrixXd waves = frequencies_ * scaled;
  waves.array().colwise() += phases_;
  waves = waves.array().cos();
  if (points.c.rows() == 0) return waves.transpose() * weights_.matrix();
  VectorXd values(points.size());
  for (Index j = 0; j < points.size(); ++j) {
    values[j] = (waves.col(j).array() * amplitudes(points.c.col(j))).sum();
  }
  return values;
}

VectorXd PathSample::values(const GpInputs& points) const {
  return prior(points, gp_->kernel().scale(points.x)) + gp_->cross(points).transpose() * update_;
}

double PathSample::score(const GpInputs& point, VectorXd& slope) const {
  const Kernel& kernel = gp_->kernel();
  const MatrixXd scaled = kernel.scale(point.x);
  const Eigen::ArrayXd angles = (frequencies_ * scaled.col(0)).array() + phases_;
  const Eigen::ArrayXd amplitude = amplitudes(point.c.col(0));
  double value = (amplitude * angles.cos()).sum();
  VectorXd by_scaled = -(frequencies_.transpose() * (amplitude * angles.sin()).matrix());
  value += gp_->pull(scaled, point.c, update_, by_scaled);
  slope = -by_scaled.cwiseProduct(kernel.scale_slope(point.x.col(0)));
  return -value;
}

}  // namespace baton
