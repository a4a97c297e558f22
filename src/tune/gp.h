// Gp: the posterior of a Gaussian process given observations (Rasmussen and Williams, "Gaussian
// Processes for Machine Learning", 2006, chapters 2 and 5).
//
// The mean before any observation is zero: hand in standardised targets. Numbers are identical for
// identical calls in the same order.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "tune/kernel.h"

namespace baton {

struct GpPrediction {
  Eigen::VectorXd mean, variance;  // of the function itself, without noise
};

// Mean and deviation at one point with their slopes by the point's numbers.
struct GpSlopes {
  double mean = 0, deviation = 0;
  Eigen::VectorXd mean_slope, deviation_slope;
};

class Gp {
 public:
  // Factorises: O(n³). A covariance that is not positive definite in floating point gets a jitter
  // on its diagonal, the smallest power of ten that helps. `inputs` may be empty.
  Gp(Kernel kernel, GpInputs inputs, Eigen::VectorXd targets);

  Eigen::Index size() const { return inputs_.size(); }
  const Kernel& kernel() const { return kernel_; }
  const GpInputs& inputs() const { return inputs_; }
  const Eigen::VectorXd& targets() const { return targets_; }
  double jitter() const { return jitter_; }

  // Adds observations, O(n²) each, by new rows of the Cholesky factor. `noise` is their variance.
  void append(const GpInputs& points, const Eigen::VectorXd& targets);
  // Adds points whose value is not known yet as if the mean had been observed there: the mean
  // stays, the variance shrinks around them (Desautels, Krause, Burdick: "Parallelizing
  // Exploration-Exploitation Tradeoffs", JMLR 2014).
  void append_believed(const GpInputs& points);
  // Drops all but the first `count` observations.
  void truncate(Eigen::Index count);
  // Replaces all targets, O(n²).
  void set_targets(Eigen::VectorXd targets);

  GpPrediction predict(const GpInputs& points) const;
  GpSlopes slopes(const GpInputs& point) const;  // of one point
  // The posterior covariance of points, without noise.
  Eigen::MatrixXd covariance(const GpInputs& points) const;
  // The mean at the observations themselves, O(n).
  Eigen::VectorXd fitted() const { return targets_ - (kernel_.noise() + jitter_) * alpha_; }
  // (K + noise)^-1 · v.
  Eigen::VectorXd solve(const Eigen::VectorXd& v) const;
  Eigen::MatrixXd cross(const GpInputs& points) const;  // n × points
  // Σ_i weights_i · k(x_i, point) for one point that is already scaled; adds the slope by its
  // scaled numbers to `slope`.
  double pull(const Eigen::VectorXd& scaled, const Eigen::MatrixXi& categories,
              const Eigen::VectorXd& weights, Eigen::VectorXd& slope) const;

 private:
  void factorise();
  bool append_row(const GpInputs& point);

  Kernel kernel_;
  GpInputs inputs_;
  Eigen::MatrixXd scaled_;
  Eigen::VectorXd targets_, alpha_;
  Eigen::MatrixXd factor_;  // the lower triangle's first size() rows; grows in larger steps
  double jitter_ = 0;
};

// Priors of the hyper-parameters (of their logarithms: normal), and their bounds.
struct GpPrior {
  Eigen::VectorXd mean, deviation, low, high;
  static GpPrior standard(const GpShape& shape);
  // Where a first fit starts: the means; and a smooth function under much noise, which the
  // likelihood often has as a maximum of its own.
  std::vector<Eigen::VectorXd> starts(const GpShape& shape) const;
};

// Negative logarithm of the posterior density of hyper-parameters, with its gradient.
double gp_loss(const GpShape& shape, const GpPrior& prior, const GpInputs& inputs,
               const Eigen::VectorXd& targets, const Eigen::VectorXd& hyper,
               Eigen::VectorXd& gradient);

struct GpFitLimits {
  int evaluations = 60;
};
// The most probable hyper-parameters, from each of `starts` by L-BFGS; the best of them.
Eigen::VectorXd gp_fit(const GpShape& shape, const GpPrior& prior, const GpInputs& inputs,
                       const Eigen::VectorXd& targets, const std::vector<Eigen::VectorXd>& starts,
                       GpFitLimits limits = {});

}  // namespace baton
