// Acquisitions: how much a point is worth trying next. More is better.
#pragma once

#include <Eigen/Core>

#include "tune/gp.h"
#include "tune/rng.h"

namespace baton {

class Acquisition {
 public:
  virtual ~Acquisition() = default;
  virtual Eigen::VectorXd scores(const GpInputs& points) const = 0;
  // Of one point, with the slope by its numbers.
  virtual double score(const GpInputs& point, Eigen::VectorXd& slope) const = 0;
};

// log(φ(u) + u Φ(u)), exact where the sum itself underflows, and its derivative (Ament, Daulton,
// Eriksson, Balandat, Bakshy: "Unexpected Improvements to Expected Improvement for Bayesian
// Optimization", NeurIPS 2023).
double log_improvement(double u, double* slope = nullptr);

// The logarithm of the expected improvement below `incumbent`. `gp` must outlive this.
class LogExpectedImprovement : public Acquisition {
 public:
  LogExpectedImprovement(const Gp& gp, double incumbent) : gp_(&gp), incumbent_(incumbent) {}
  Eigen::VectorXd scores(const GpInputs& points) const override;
  double score(const GpInputs& point, Eigen::VectorXd& slope) const override;

 private:
  const Gp* gp_;
  double incumbent_;
};

// A function drawn from the posterior, by pathwise conditioning: a draw from the prior by random
// Fourier features, moved onto the observations (Wilson, Borovitskiy, Terenin, Mostowsky,
// Deisenroth: "Efficiently Sampling Functions from Gaussian Process Posteriors", ICML 2020). The
// score is the negative value. `gp` must outlive this and not change.
class PathSample : public Acquisition {
 public:
  PathSample(const Gp& gp, Rng rng, Eigen::Index features = 512);
  Eigen::VectorXd values(const GpInputs& points) const;
  Eigen::VectorXd scores(const GpInputs& points) const override { return -values(points); }
  double score(const GpInputs& point, Eigen::VectorXd& slope) const override;

 private:
  // Amplitude of each feature at a point: its weight, its sign for the point's categories.
  Eigen::ArrayXd amplitudes(const Eigen::VectorXi& categories) const;
  Eigen::VectorXd prior(const GpInputs& points, const Eigen::MatrixXd& scaled) const;

  const Gp* gp_;
  Eigen::MatrixXd frequencies_;  // features × numbers, for scaled numbers
  Eigen::ArrayXd phases_, weights_;
  uint64_t sign_key_ = 0;
  Eigen::VectorXd update_;  // a weight for each observation
};

}  // namespace baton
