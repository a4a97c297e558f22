#include "tune/search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tune/lbfgs.h"

namespace baton {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

class Search {
 public:
  Search(const Features& features, const Acquisition& acquisition, const SearchOptions& options,
         Rng rng)
      : features_(features), acquisition_(acquisition), options_(options), rng_(rng) {
    low_ = options.low.empty() ? Point(size(), 0) : options.low;
    high_ = options.high.empty() ? Point(size(), 1) : options.high;
  }

  void propose() {
    for (size_t i = 0; i < options_.global; ++i) {
      Point point(size());
      for (size_t k = 0; k < size(); ++k) point[k] = anywhere(k);
      points_.push_back(codec().snap(point));
    }
    for (const Point& centre : options_.centres) {
      for (size_t i = 0; i < options_.local; ++i) points_.push_back(codec().snap(near(centre)));
    }
    score(0);
  }

  // Moves the best candidates uphill along the numbers, then by single levels and choices.
  void refine() {
    std::vector<size_t> best = by_score();
    best.resize(std::min(best.size(), options_.refined));
    for (const size_t start : best) {
      if (!features_.numbers().empty()) climb(points_[start]);
    }
    for (int round = 0; round < 2 && steps_needed(); ++round) {
      const size_t first = points_.size();
      const Point centre = points_[by_score()[0]];  // points_ grows
      add_neighbours(centre);
      score(first);
    }
  }

  std::optional<Point> best(const std::function<bool(const Point&)>& seen) const {
    for (const size_t i : by_score()) {
      if (!seen(points_[i])) return points_[i];
    }
    return std::nullopt;
  }

 private:
  const Codec& codec() const { return features_.codec(); }
  size_t size() const { return codec().size(); }
  double anywhere(size_t k) { return low_[k] + (high_[k] - low_[k]) * rng_.uniform(); }

  // A few coordinates moved, most by a little: the incumbent's neighbourhood on several scales.
  Point near(const Point& centre) {
    Point point = centre;
    const double share = std::min(1.0, (1 + 3 * rng_.uniform()) / static_cast<double>(size()));
    const double scale = std::pow(10.0, -2.5 * rng_.uniform());
    const size_t forced = rng_.below(size());
    for (size_t k = 0; k < size(); ++k) {
      if (rng_.uniform() >= share && k != forced) continue;
      if (codec().choices(k) > 0 || !Codec::used(centre[k])) {
        point[k] = anywhere(k);
      } else {
        const double reach = options_.reach.empty() ? 0.5 : options_.reach[k];
        double step = reach * scale * rng_.normal();
        if (const uint64_t levels = codec().levels(k); levels > 0) {
          const double least = 1 / static_cast<double>(levels);
          if (std::abs(step) < least) step = step < 0 ? -least : least;
        }
        point[k] = std::clamp(centre[k] + step, low_[k], high_[k]);
      }
    }
    // What has just become used has no place yet.
    for (size_t k = 0; k < size(); ++k) {
      if (!Codec::used(point[k])) point[k] = anywhere(k);
    }
    return point;
  }

  void score(size_t first) {
    if (first == points_.size()) return;
    const std::vector<Point> added(points_.begin() + static_cast<std::ptrdiff_t>(first),
                                   points_.end());
    const VectorXd scores = acquisition_.scores(features_.encode(added));
    scores_.insert(scores_.end(), scores.begin(), scores.end());
  }

  std::vector<size_t> by_score() const {
    std::vector<size_t> order(points_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      // Not a number counts as worst.
      const double x = std::isnan(scores_[a]) ? -HUGE_VAL : scores_[a];
      const double y = std::isnan(scores_[b]) ? -HUGE_VAL : scores_[b];
      return x > y;
    });
    return order;
  }

  void climb(const Point& start) {
    const GpInputs from = features_.encode(start);
    VectorXd low(from.x.rows()), high(from.x.rows());
    for (Index i = 0; i < low.size(); ++i) {
      const size_t dimension = features_.numbers()[static_cast<size_t>(i)];
      const bool moves = Codec::used(start[dimension]);
      low[i] = moves ? std::min(low_[dimension], from.x(i, 0)) : from.x(i, 0);
      high[i] = moves ? std::max(high_[dimension], from.x(i, 0)) : from.x(i, 0);
    }
    GpInputs at = from;
    const Objective objective = [&](const VectorXd& x, VectorXd& gradient) {
      at.x.col(0) = x;
      const double score = acquisition_.score(at, gradient);
      gradient = -gradient;
      return -score;
    };
    const Minimum top = minimize(objective, from.x.col(0), low, high,
                                 {.evaluations = options_.evaluations, .tolerance = 1e-7});
    const size_t first = points_.size();
    points_.push_back(codec().snap(features_.with_numbers(start, top.x)));
    score(first);
  }

  bool steps_needed() const {
    for (size_t k = 0; k < size(); ++k) {
      if (codec().levels(k) > 0) return true;
    }
    return false;
  }

  void add_neighbours(const Point& centre) {
    for (size_t k = 0; k < size(); ++k) {
      const uint64_t levels = codec().levels(k);
      if (levels == 0 || !Codec::used(centre[k])) continue;
      if (const size_t choices = codec().choices(k)) {
        for (size_t i = 0; i < std::min<size_t>(choices, 32); ++i) {
          add_changed(centre, k, (static_cast<double>(i) + 0.5) / static_cast<double>(choices));
        }
      } else {
        const double step = 1 / static_cast<double>(levels);
        add_changed(centre, k, centre[k] - step);
        add_changed(centre, k, centre[k] + step);
      }
    }
  }

  void add_changed(const Point& centre, size_t dimension, double coordinate) {
    if (coordinate < low_[dimension] || coordinate > high_[dimension]) return;
    Point point = centre;
    for (size_t k = 0; k < size(); ++k) {
      if (!Codec::used(point[k])) point[k] = anywhere(k);
    }
    point[dimension] = coordinate;
    points_.push_back(codec().snap(point));
  }

  const Features& features_;
  const Acquisition& acquisition_;
  const SearchOptions& options_;
  Rng rng_;
  Point low_, high_;
  std::vector<Point> points_;
  std::vector<double> scores_;
};

}  // namespace

std::optional<Point> search(const Features& features, const Acquisition& acquisition,
                            const std::function<bool(const Point&)>& seen,
                            const SearchOptions& options, Rng rng) {
  Search one(features, acquisition, options, rng);
  one.propose();
  one.refine();
  return one.best(seen);
}

}  // namespace baton
