// The Gaussian process' covariance: Matérn 5/2 with a length for each number, times
// exp(-weight) for each category in which two points differ.
//
// Numbers may first be warped by Kumaraswamy's distribution function 1 - (1 - x^a)^b, so that a
// function that changes faster at one end of a range becomes stationary (Snoek, Swersky, Zemel,
// Adams: "Input Warping for Bayesian Optimization of Non-Stationary Functions", ICML 2014).
#pragma once

#include <Eigen/Core>
#include <cmath>

namespace baton {

// Points, one a column. A number that is not used stands at 0.5, so that it separates no two points
// that both lack it; what separates those that have it from those that lack it is the category
// that its condition asks about.
struct GpInputs {
  Eigen::MatrixXd x;  // numbers in [0, 1]
  Eigen::MatrixXi c;  // categories; -1: not used

  Eigen::Index size() const { return x.cols(); }  // c.cols() is the same
  GpInputs range(Eigen::Index first, Eigen::Index count) const {
    return {x.middleCols(first, count), c.middleCols(first, count)};
  }
  void append(const GpInputs& other);
};

// Where each hyper-parameter stands in their vector; all are logarithms.
struct GpShape {
  Eigen::Index numbers = 0, categories = 0;
  bool warped = false;

  Eigen::Index length(Eigen::Index i) const { return i; }
  Eigen::Index weight(Eigen::Index i) const { return numbers + i; }
  Eigen::Index warp_a(Eigen::Index i) const { return numbers + categories + i; }
  Eigen::Index warp_b(Eigen::Index i) const { return 2 * numbers + categories + i; }
  Eigen::Index signal() const { return (warped ? 3 : 1) * numbers + categories; }  // variance
  Eigen::Index noise() const { return signal() + 1; }                              // variance
  Eigen::Index size() const { return signal() + 2; }
};

// A kernel with fixed hyper-parameters. Immutable, thread-safe.
class Kernel {
 public:
  Kernel(GpShape shape, Eigen::VectorXd hyper);

  const GpShape& shape() const { return shape_; }
  const Eigen::VectorXd& hyper() const { return hyper_; }
  double signal() const { return signal_; }
  double noise() const { return noise_; }
  // Hyper-parameter `index`, not as a logarithm.
  double value(Eigen::Index index) const { return std::exp(hyper_[index]); }

  // Numbers warped and divided by their lengths: the space in which distances are taken.
  Eigen::MatrixXd scale(const Eigen::MatrixXd& x) const;
  // d scale(x) / dx, elementwise.
  Eigen::VectorXd scale_slope(const Eigen::VectorXd& x) const;

  // Covariances of the scaled points (without noise), |a| × |b|. Where `slope` is given it becomes
  // the derivative by the squared scaled distance.
  Eigen::MatrixXd cross(const Eigen::MatrixXd& scaled_a, const Eigen::MatrixXi& a_categories,
                        const Eigen::MatrixXd& scaled_b, const Eigen::MatrixXi& b_categories,
                        Eigen::MatrixXd* slope = nullptr) const;

  // d warp(x) / da and / db (logarithms of them) of number i at x.
  void warp_slopes(Eigen::Index i, double x, double& by_a, double& by_b) const;

 private:
  double warp(Eigen::Index i, double x) const;

  GpShape shape_;
  Eigen::VectorXd hyper_;
  double signal_, noise_;
  Eigen::VectorXd inverse_length_, weight_, a_, b_;
};

}  // namespace baton
