#include "tune/tpe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tune/draw.h"
#include "tune/methods.h"

namespace baton {
namespace {

constexpr double kGoodShare = 0.1;  // these and the next four numbers are Optuna's
constexpr size_t kMostGood = 25;
constexpr int kCandidates = 24;
constexpr size_t kStart = 10;   // points of a Sobol sequence before anything is learnt
constexpr double kWidth = 0.2;  // of a kernel when there is one point
constexpr double kPriorWidth = 1;

double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

// A normal distribution cut to [0, 1].
struct Kernel {
  double centre = 0.5, width = kPriorWidth, log_scale = 0;

  Kernel() : Kernel(0.5, kPriorWidth) {}
  Kernel(double centre_in, double width_in) : centre(centre_in), width(width_in) {
    double inside = normal_cdf((1 - centre) / width) - normal_cdf(-centre / width);
    log_scale = -std::log(width * std::sqrt(2 * std::numbers::pi) * inside);
  }
  double log_density(double x) const {
    double z = (x - centre) / width;
    return log_scale - z * z / 2;
  }
  double sample(Rng& rng) const {
    for (int i = 0; i < 100; ++i)
      if (double x = centre + width * rng.normal(); x >= 0 && x <= 1) return x;
    return centre;
  }
};

// A mixture over some dimensions: one kernel for each of the points, and a wide one as prior.
class Mixture {
 public:
  Mixture(const Codec& codec, const std::vector<size_t>& dimensions,
          const std::vector<const Point*>& points)
      : codec_(codec), dimensions_(dimensions), points_(points) {
    const auto n = static_cast<double>(std::max<size_t>(points.size(), 1));
    double width = kWidth * std::pow(n, -1.0 / (static_cast<double>(dimensions.size()) + 4));
    width = std::max(width, 1 / std::min(100.0, n + 1));
    for (const Point* point : points)
      for (size_t i : dimensions) kernels_.emplace_back((*point)[i], width);
  }

  void sample(Rng& rng, Point& into) const {
    size_t k = rng.below(points_.size() + 1);
    for (size_t j = 0; j < dimensions_.size(); ++j) {
      size_t i = dimensions_[j], choices = codec_.choices(i);
      if (choices == 0)
        into[i] = k < points_.size() ? kernels_[k * dimensions_.size() + j].sample(rng)
                                     : Kernel().sample(rng);
      else
        into[i] = sample_choice(k, i, choices, rng);
    }
  }

  // `point` is snapped.
  double log_density(const Point& point) const {
    std::vector<double> logs(points_.size() + 1, 0.0);
    const Kernel prior;
    for (size_t j = 0; j < dimensions_.size(); ++j) {
      size_t i = dimensions_[j], choices = codec_.choices(i);
      for (size_t k = 0; k <= points_.size(); ++k) {
        if (choices > 0)
          logs[k] += std::log(share(k, i, choices, codec_.choice(i, point[i])));
        else
          logs[k] += (k < points_.size() ? kernels_[k * dimensions_.size() + j] : prior)
                         .log_density(point[i]);
      }
    }
    double most = *std::max_element(logs.begin(), logs.end()), sum = 0;
    for (double one : logs) sum += std::exp(one - most);
    return most + std::log(sum / static_cast<double>(logs.size()));
  }

 private:
  // What is not the kernel's own choice gets a share that shrinks with the number of kernels.
  double other_weight() const { return 1 / static_cast<double>(points_.size() + 1); }

  double share(size_t k, size_t dimension, size_t choices, size_t choice) const {
    const auto count = static_cast<double>(choices);
    if (k == points_.size()) return 1 / count;
    bool own = codec_.choice(dimension, (*points_[k])[dimension]) == choice;
    return (other_weight() + (own ? 1 : 0)) / (other_weight() * count + 1);
  }

  double sample_choice(size_t k, size_t dimension, size_t choices, Rng& rng) const {
    double left = rng.uniform();
    size_t choice = 0;
    while (choice + 1 < choices && (left -= share(k, dimension, choices, choice)) > 0) ++choice;
    return (static_cast<double>(choice) + 0.5) / static_cast<double>(choices);
  }

  const Codec& codec_;
  const std::vector<size_t>& dimensions_;
  std::vector<const Point*> points_;
  std::vector<Kernel> kernels_;
};

// Dimensions that are always used together; in an order in which conditions can be decided.
std::vector<std::vector<size_t>> groups_of(const Space& space) {
  std::vector<std::vector<size_t>> groups;
  for (size_t i : condition_order(space)) {
    auto same = std::find_if(groups.begin(), groups.end(), [&](const std::vector<size_t>& group) {
      return space.dimensions[group[0]].when == space.dimensions[i].when;
    });
    if (same == groups.end())
      groups.push_back({i});
    else
      same->push_back(i);
  }
  return groups;
}

std::vector<const Point*> where_used(const std::vector<const Point*>& points, size_t dimension) {
  std::vector<const Point*> kept;
  for (const Point* point : points)
    if (Codec::used((*point)[dimension])) kept.push_back(point);
  return kept;
}

class TpeTuner : public MethodTuner {
 public:
  TpeTuner(Space space, TuneOptions options)
      : MethodTuner(std::move(space), std::move(options)),
        start_(table().codec().size(), table().options().seed) {}

 protected:
  Result<Proposal> propose() override {
    TpeData data;
    for (const auto& one : table().observations())
      data.observed.emplace_back(&one.trial->point, one.cost);
    for (const Trial* trial : table().open()) data.pending.push_back(&trial->point);
    Rng numbers = rng(0);
    Proposal proposal;
    proposal.point = fresh_point(table(), [&](uint64_t i) {
      return data.observed.size() < kStart ? start_.at(table().trials().size() + i)
                                           : tpe_point(table().codec(), data, numbers);
    });
    return proposal;
  }

 private:
  Sobol start_;
};

}  // namespace

Point tpe_point(const Codec& codec, const TpeData& data, Rng& rng) {
  auto ranked = data.observed;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto wanted =
      static_cast<size_t>(std::ceil(kGoodShare * static_cast<double>(ranked.size())));
  const size_t good_count = std::min(wanted, kMostGood);
  std::vector<const Point*> good, others = data.pending;
  for (size_t k = 0; k < ranked.size(); ++k)
    (k < good_count ? good : others).push_back(ranked[k].first);

  Point chosen(codec.size(), Codec::kUnused);
  for (const auto& group : groups_of(codec.space())) {
    // An unused group keeps what it is given, and snapping marks it.
    Mixture likely(codec, group, where_used(good, group[0]));
    Mixture unlikely(codec, group, where_used(others, group[0]));
    double best = -std::numeric_limits<double>::infinity();
    Point next = chosen;
    for (int i = 0; i < kCandidates; ++i) {
      Point candidate = chosen;
      likely.sample(rng, candidate);
      candidate = codec.snap(candidate);
      if (!Codec::used(candidate[group[0]])) break;
      double score = likely.log_density(candidate) - unlikely.log_density(candidate);
      if (score > best) best = score, next = candidate;
    }
    chosen = next;
  }
  return codec.snap(chosen);
}

TunerPtr make_tpe(Space space, TuneOptions options) {
  return std::make_unique<TpeTuner>(std::move(space), std::move(options));
}

}  // namespace baton
