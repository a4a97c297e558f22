#include "tune/features.h"

namespace baton {

using Eigen::Index;

Features::Features(const Codec& codec) : codec_(&codec) {
  for (size_t i = 0; i < codec.size(); ++i) {
    (codec.choices(i) > 0 ? categories_ : numbers_).push_back(i);
  }
}

GpShape Features::shape(bool warped) const {
  return {static_cast<Index>(numbers_.size()), static_cast<Index>(categories_.size()), warped};
}

GpInputs Features::encode(const std::vector<Point>& points) const {
  const auto count = static_cast<Index>(points.size());
  GpInputs inputs{Eigen::MatrixXd(numbers_.size(), count),
                  Eigen::MatrixXi(categories_.size(), count)};
  for (Index j = 0; j < count; ++j) {
    const Point& point = points[static_cast<size_t>(j)];
    for (size_t i = 0; i < numbers_.size(); ++i) {
      const double at = point[numbers_[i]];
      inputs.x(static_cast<Index>(i), j) = Codec::used(at) ? at : 0.5;
    }
    for (size_t i = 0; i < categories_.size(); ++i) {
      const size_t dimension = categories_[i];
      const double at = point[dimension];
      inputs.c(static_cast<Index>(i), j) =
          Codec::used(at) ? static_cast<int>(codec_->choice(dimension, at)) : -1;
    }
  }
  return inputs;
}

Point Features::with_numbers(const Point& base, const Eigen::VectorXd& x) const {
  Point point = base;
  for (size_t i = 0; i < numbers_.size(); ++i) {
    double& at = point[numbers_[i]];
    if (Codec::used(at)) at = x[static_cast<Index>(i)];
  }
  return point;
}

}  // namespace baton
