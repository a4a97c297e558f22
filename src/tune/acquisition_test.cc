#include "tune/acquisition.h"

#include <gtest/gtest.h>

#include <cmath>

namespace baton {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Gp example(const GpShape& shape) {
  Rng rng(5);
  GpInputs inputs{MatrixXd(shape.numbers, 14), Eigen::MatrixXi(shape.categories, 14)};
  VectorXd y(14);
  for (Index j = 0; j < 14; ++j) {
    for (Index i = 0; i < shape.numbers; ++i) inputs.x(i, j) = rng.uniform();
    for (Index i = 0; i < shape.categories; ++i) inputs.c(i, j) = static_cast<int>(rng.below(3));
    y[j] = std::cos(4 * inputs.x(0, j)) + rng.normal() / 10;
  }
  VectorXd hyper = GpPrior::standard(shape).mean;
  hyper.head(shape.numbers).setConstant(std::log(0.4));
  hyper[shape.noise()] = std::log(0.02);
  return Gp(Kernel(shape, hyper), inputs, y);
}

GpInputs somewhere(const GpShape& shape, Index count) {
  Rng rng(11);
  GpInputs at{MatrixXd(shape.numbers, count), Eigen::MatrixXi(shape.categories, count)};
  for (double& one : at.x.reshaped()) one = rng.uniform();
  for (int& one : at.c.reshaped()) one = static_cast<int>(rng.below(3));
  return at;
}

void expect_true_slope(const Acquisition& acquisition, const GpInputs& at) {
  VectorXd slope, ignored;
  const double score = acquisition.score(at, slope);
  EXPECT_NEAR(score, acquisition.scores(at)[0], 1e-9 * std::max(1.0, std::abs(score)));
  for (Index i = 0; i < at.x.rows(); ++i) {
    GpInputs more = at, less = at;
    more.x(i, 0) += 1e-6;
    less.x(i, 0) -= 1e-6;
    const double difference = acquisition.score(more, ignored) - acquisition.score(less, ignored);
    EXPECT_NEAR(slope[i], difference / 2e-6, 1e-4 * std::max(1.0, std::abs(slope[i])));
  }
}

TEST(LogImprovement, IsExactFarIntoTheTail) {
  // log(φ(u) + u Φ(u)), Mills' ratio by its continued fraction with 60 digits.
  const double expected[][2] = {
      {3, 1.0987396653277077},      {0, -0.9189385332046727},     {-0.5, -1.6205162643873197},
      {-1, -2.4851210257126413},    {-2, -4.7687835239171141},    {-10, -55.553122036122356},
      {-24.9, -317.35848574266738}, {-25.1, -322.37440987246403}, {-1000, -500014.73445209116}};
  for (const auto& [u, value] : expected) {
    EXPECT_NEAR(log_improvement(u), value, 1e-9 * std::abs(value)) << u;
  }
  for (const double u : {2.0, -0.99, -1.01, -5.0, -24.99, -25.01, -300.0}) {
    double slope = 0;
    log_improvement(u, &slope);
    const double difference = log_improvement(u + 1e-5) - log_improvement(u - 1e-5);
    EXPECT_NEAR(slope, difference / 2e-5, 1e-4 * slope) << u;
  }
}

TEST(LogExpectedImprovement, HasTheSlopeThatItSays) {
  const GpShape shape{3, 1, false};
  const Gp gp = example(shape);
  for (const double incumbent : {-1.0, -8.0}) {
    expect_true_slope(LogExpectedImprovement(gp, incumbent), somewhere(shape, 1));
  }
}

TEST(LogExpectedImprovement, IsWhatADrawImprovesOnAverage) {
  const GpShape shape{3, 1, false};
  const Gp gp = example(shape);
  const GpInputs at = somewhere(shape, 1);
  const GpPrediction prediction = gp.predict(at);
  Rng rng(3);
  double sum = 0;
  for (int i = 0; i < 200000; ++i) {
    const double value = prediction.mean[0] + std::sqrt(prediction.variance[0]) * rng.normal();
    sum += std::max(0.0, -0.2 - value);
  }
  EXPECT_NEAR(std::exp(LogExpectedImprovement(gp, -0.2).scores(at)[0]) * 200000 / sum, 1, 0.02);
}

TEST(PathSample, HasTheSlopeThatItSays) {
  const GpShape shape{3, 1, true};
  const Gp gp = example(shape);
  expect_true_slope(PathSample(gp, Rng(1)), somewhere(shape, 1));
}

TEST(PathSample, SamplesHaveThePosteriorsMeanAndCovariance) {
  const GpShape shape{2, 1, false};
  const Gp gp = example(shape);
  const GpInputs at = somewhere(shape, 6);
  const VectorXd mean = gp.predict(at).mean;
  const MatrixXd covariance = gp.covariance(at);
  constexpr int kDraws = 4000;
  VectorXd sum = VectorXd::Zero(6);
  MatrixXd squares = MatrixXd::Zero(6, 6);
  for (int i = 0; i < kDraws; ++i) {
    const VectorXd gap = PathSample(gp, Rng(2, i), 256).values(at) - mean;
    sum += gap;
    squares += gap * gap.transpose();
  }
  // Standard errors that a mean, and a covariance of normal numbers, may be off. With 6 means and
  // 21 covariances a sound sampler is further off with one seed in 600.
  constexpr double kErrors = 4;
  for (Index i = 0; i < 6; ++i) {
    EXPECT_NEAR(sum[i] / kDraws, 0, kErrors * std::sqrt(covariance(i, i) / kDraws)) << i;
    for (Index j = 0; j <= i; ++j) {
      const double variance = covariance(i, i) * covariance(j, j) + std::pow(covariance(i, j), 2);
      EXPECT_NEAR(squares(i, j) / kDraws, covariance(i, j), kErrors * std::sqrt(variance / kDraws))
          << i << ' ' << j;
    }
  }
}

}  // namespace
}  // namespace baton
