#include "tune/gp.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tune/gp_reference.h"
#include "tune/rng.h"

namespace baton {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
namespace ref = gp_reference;

GpInputs random_inputs(const GpShape& shape, Index count, uint64_t seed) {
  Rng rng(seed);
  GpInputs inputs{MatrixXd(shape.numbers, count), Eigen::MatrixXi(shape.categories, count)};
  for (Index j = 0; j < count; ++j) {
    for (Index i = 0; i < shape.numbers; ++i) inputs.x(i, j) = rng.uniform();
    for (Index i = 0; i < shape.categories; ++i) {
      inputs.c(i, j) = static_cast<int>(rng.below(3));
    }
  }
  return inputs;
}

VectorXd targets_at(const GpInputs& inputs, double noise, uint64_t seed) {
  Rng rng(seed);
  VectorXd y(inputs.size());
  for (Index j = 0; j < y.size(); ++j) {
    y[j] = std::sin(5 * inputs.x(0, j)) + inputs.x(1, j) + noise * rng.normal();
    if (inputs.c.rows() > 0) y[j] += inputs.c(0, j);
  }
  return y;
}

VectorXd random_hyper(const GpShape& shape, uint64_t seed) {
  Rng rng(seed);
  VectorXd hyper = GpPrior::standard(shape).mean;
  for (double& one : hyper) one += 0.3 * rng.normal();
  return hyper;
}

// The kernel and the data of gp_reference.h.
struct Reference {
  GpShape shape{3, 0, false};
  GpInputs inputs, at;
  VectorXd targets, hyper;
  Reference() {
    auto points = [](const double* numbers, Index count) {
      return GpInputs{Eigen::Map<const MatrixXd>(numbers, 3, count), Eigen::MatrixXi(0, count)};
    };
    inputs = points(ref::kX, 15);
    at = points(ref::kAt, 6);
    targets = Eigen::Map<const VectorXd>(ref::kY, 15);
    hyper = VectorXd(5);
    hyper << ref::kLengths[0], ref::kLengths[1], ref::kLengths[2], ref::kSignalAndNoise[0],
        ref::kSignalAndNoise[1];
    hyper = hyper.array().log();
  }
};

TEST(Gp, PosteriorIsScikitLearns) {
  const Reference reference;
  const Gp gp(Kernel(reference.shape, reference.hyper), reference.inputs, reference.targets);
  const GpPrediction prediction = gp.predict(reference.at);
  const MatrixXd covariance = gp.covariance(reference.at);
  EXPECT_EQ(gp.jitter(), 0);
  for (Index i = 0; i < 6; ++i) {
    EXPECT_NEAR(prediction.mean[i], ref::kMean[i], 1e-10);
    EXPECT_NEAR(prediction.variance[i], ref::kCovariance[7 * i], 1e-10);
    for (Index j = 0; j < 6; ++j) {
      EXPECT_NEAR(covariance(i, j), ref::kCovariance[6 * i + j], 1e-10);
    }
  }
}

TEST(Gp, LikelihoodAndItsSlopeAreScikitLearns) {
  const Reference reference;
  GpPrior flat = GpPrior::standard(reference.shape);
  flat.deviation.setConstant(1e12);
  VectorXd slope(5);
  const double loss =
      gp_loss(reference.shape, flat, reference.inputs, reference.targets, reference.hyper, slope);
  const double constant = 0.5 * 15 * std::log(2 * M_PI);
  EXPECT_NEAR(-loss - constant, ref::kLikelihood[0], 1e-9);
  const int order[5] = {1, 2, 3, 0, 4};  // theirs begins with the signal
  for (Index i = 0; i < 5; ++i) EXPECT_NEAR(-slope[i], ref::kLikelihoodSlope[order[i]], 1e-8) << i;
}

TEST(Gp, LossHasTheSlopeThatItSays) {
  const GpShape shape{4, 2, true};
  const GpPrior prior = GpPrior::standard(shape);
  const GpInputs inputs = random_inputs(shape, 80, 1);
  const VectorXd targets = targets_at(inputs, 0.1, 2), hyper = random_hyper(shape, 3);
  VectorXd slope(shape.size()), ignored(shape.size());
  gp_loss(shape, prior, inputs, targets, hyper, slope);
  for (Index i = 0; i < shape.size(); ++i) {
    VectorXd more = hyper, less = hyper;
    more[i] += 1e-5;
    less[i] -= 1e-5;
    const double difference = gp_loss(shape, prior, inputs, targets, more, ignored) -
                              gp_loss(shape, prior, inputs, targets, less, ignored);
    EXPECT_NEAR(slope[i], difference / 2e-5, 1e-5 * std::max(1.0, std::abs(slope[i]))) << i;
  }
}

TEST(Gp, SlopesAreThoseOfThePrediction) {
  const GpShape shape{4, 1, true};
  const GpInputs inputs = random_inputs(shape, 40, 1);
  const Gp gp(Kernel(shape, random_hyper(shape, 3)), inputs, targets_at(inputs, 0.1, 2));
  const GpInputs at = random_inputs(shape, 1, 9);
  const GpSlopes slopes = gp.slopes(at);
  for (Index i = 0; i < 4; ++i) {
    GpInputs more = at, less = at;
    more.x(i, 0) += 1e-6;
    less.x(i, 0) -= 1e-6;
    const GpPrediction above = gp.predict(more), below = gp.predict(less);
    EXPECT_NEAR(slopes.mean_slope[i], (above.mean[0] - below.mean[0]) / 2e-6, 1e-6);
    EXPECT_NEAR(slopes.deviation_slope[i],
                (std::sqrt(above.variance[0]) - std::sqrt(below.variance[0])) / 2e-6, 1e-6);
  }
}

TEST(Gp, AppendedIsFactorisedAtOnce) {
  const GpShape shape{3, 1, false};
  const GpInputs inputs = random_inputs(shape, 60, 1), at = random_inputs(shape, 5, 7);
  const VectorXd targets = targets_at(inputs, 0.1, 2);
  const Kernel kernel(shape, random_hyper(shape, 3));
  const Gp whole(kernel, inputs, targets);
  Gp grown(kernel, inputs.range(0, 10), targets.head(10));
  for (Index i = 10; i < 60; ++i) grown.append(inputs.range(i, 1), targets.segment(i, 1));
  EXPECT_LT((grown.predict(at).mean - whole.predict(at).mean).norm(), 1e-10);
  EXPECT_LT((grown.predict(at).variance - whole.predict(at).variance).norm(), 1e-10);
  grown.truncate(30);
  const Gp half(kernel, inputs.range(0, 30), targets.head(30));
  EXPECT_LT((grown.predict(at).mean - half.predict(at).mean).norm(), 1e-10);
  EXPECT_LT((half.fitted() - half.predict(half.inputs()).mean).norm(), 1e-10);
}

TEST(Gp, BelievedPointsKeepTheMeanAndTakeTheirPlace) {
  const GpShape shape{2, 0, false};
  const GpInputs inputs = random_inputs(shape, 12, 1), at = random_inputs(shape, 20, 7);
  Gp gp(Kernel(shape, random_hyper(shape, 3)), inputs, targets_at(inputs, 0, 2));
  const GpPrediction before = gp.predict(at);
  gp.append_believed(at.range(0, 3));
  const GpPrediction after = gp.predict(at);
  EXPECT_LT((after.mean - before.mean).norm(), 1e-8);
  for (Index i = 0; i < 20; ++i) EXPECT_LE(after.variance[i], before.variance[i] + 1e-12);
  for (Index i = 0; i < 3; ++i) EXPECT_LT(after.variance[i], gp.kernel().noise());
}

TEST(Gp, RepeatedPointsWithoutNoiseAreNoTrouble) {
  const GpShape shape{2, 0, false};
  const GpInputs one = random_inputs(shape, 1, 1);
  GpInputs many = one;
  for (int i = 0; i < 29; ++i) many.append(one);
  VectorXd hyper = GpPrior::standard(shape).mean;
  hyper[shape.noise()] = -200;
  Gp gp(Kernel(shape, hyper), many, VectorXd::Constant(30, 0.5));
  EXPECT_GT(gp.jitter(), 0);
  EXPECT_LT(gp.jitter(), 1e-4);
  EXPECT_NEAR(gp.predict(one).mean[0], 0.5, 1e-3);
  gp.append(one, VectorXd::Constant(1, 0.5));
  EXPECT_NEAR(gp.predict(one).mean[0], 0.5, 1e-3);
}

TEST(Gp, FitFindsNoiseAndWhatMatters) {
  const GpShape shape{3, 0, false};
  const GpPrior prior = GpPrior::standard(shape);
  const GpInputs inputs = random_inputs(shape, 120, 1);
  for (const double noise : {0.01, 0.3}) {
    VectorXd y = targets_at(inputs, noise, 2);
    y.array() -= y.mean();
    const VectorXd hyper = gp_fit(shape, prior, inputs, y, prior.starts(shape));
    const double found = std::exp(0.5 * hyper[shape.noise()]);
    EXPECT_GT(found, noise / 1.5);
    EXPECT_LT(found, noise * 1.5);
    // The third number does not matter, the first matters most.
    EXPECT_GT(hyper[2], hyper[0] + 0.5);
  }
}

}  // namespace
}  // namespace baton
