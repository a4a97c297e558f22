#include "tune/trust_region.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baton {
namespace {

constexpr double kFirstSide = 0.8, kLongestSide = 1.6, kShortestSide = 0x1p-7;
constexpr size_t kSuccesses = 3, kLeastFailures = 4;
constexpr double kProgress = 1e-3;  // relative to the best: less is no success

}  // namespace

bool is_progress(double cost, double best) {
  return !std::isfinite(best) || cost < best - kProgress * std::abs(best);
}

double trust_side(const std::vector<Observation>& observations, size_t initial, size_t dimensions) {
  double side = kFirstSide, best = std::numeric_limits<double>::infinity();
  size_t wins = 0, losses = 0, at = 0;
  for (const Observation& one : observations) {
    const bool better = is_progress(one.cost, best);
    best = std::min(best, one.cost);
    if (++at <= initial) continue;
    wins = better ? wins + 1 : 0;
    losses = better ? 0 : losses + 1;
    if (wins == kSuccesses) {
      side = std::min(kLongestSide, side * 2);
      wins = 0;
    }
    if (losses == std::max(kLeastFailures, dimensions)) {
      side /= 2;
      losses = 0;
    }
    if (side < kShortestSide) side = kFirstSide;
  }
  return side;
}

Box trust_box(const Features& features, const Kernel& kernel, const Point& centre, double side,
              bool stay) {
  const size_t size = features.codec().size(), numbers = features.numbers().size();
  Box box{Point(size, 0), Point(size, 1)};
  for (size_t k = 0; stay && k < size; ++k) {
    if (features.codec().decides(k) && Codec::used(centre[k])) box.low[k] = box.high[k] = centre[k];
  }
  if (numbers == 0) return box;
  const auto logs = kernel.hyper().head(static_cast<Eigen::Index>(numbers));
  const double mean = logs.mean();
  for (size_t i = 0; i < numbers; ++i) {
    const size_t dimension = features.numbers()[i];
    if (!Codec::used(centre[dimension]) || box.low[dimension] == box.high[dimension]) continue;
    const double weight = std::exp(logs[static_cast<Eigen::Index>(i)] - mean);
    const double half = side / 2 * std::clamp(weight, 0.2, 5.0);
    box.low[dimension] = std::max(0.0, centre[dimension] - half);
    box.high[dimension] = std::min(1.0, centre[dimension] + half);
  }
  return box;
}

}  // namespace baton
