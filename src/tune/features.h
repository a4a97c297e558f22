// Features: points of the unit cube as the Gaussian process sees them, and back.
#pragma once

#include <vector>

#include "tune/codec.h"
#include "tune/kernel.h"

namespace baton {

class Features {
 public:
  // `codec` must outlive this.
  explicit Features(const Codec& codec);

  const Codec& codec() const { return *codec_; }
  // Which dimension of the space each number, each category of GpInputs is.
  const std::vector<size_t>& numbers() const { return numbers_; }
  const std::vector<size_t>& categories() const { return categories_; }
  GpShape shape(bool warped) const;

  GpInputs encode(const std::vector<Point>& points) const;  // snapped points
  GpInputs encode(const Point& point) const { return encode(std::vector<Point>{point}); }
  // `base` with its used numbers replaced by column 0 of `x`; not snapped.
  Point with_numbers(const Point& base, const Eigen::VectorXd& x) const;

 private:
  const Codec* codec_;
  std::vector<size_t> numbers_, categories_;
};

}  // namespace baton
