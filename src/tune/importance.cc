#include "tune/importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tune/rng.h"

namespace baton {
namespace {

constexpr int kTrees = 32;
constexpr size_t kSmallestLeaf = 3;
constexpr int kDeepest = 12;
constexpr size_t kMostData = 2000;    // the latest of them
constexpr uint64_t kSeed = 0xfa007a;  // the same data give the same answer

struct Sample {
  Point point;
  double cost;
};

// A leaf's box in the unit cube and the mean of the costs in it.
struct Leaf {
  Point low, high;
  double mean = 0;
};

// A regression tree on a bootstrap sample (Breiman, "Random Forests", 2001), as its leaves.
class TreeGrower {
 public:
  TreeGrower(const std::vector<Sample>& samples, Rng& rng)
      : samples_(samples), rng_(rng), smallest_(std::min(kSmallestLeaf, samples.size() / 2)) {}

  std::vector<Leaf> grow() {
    std::vector<size_t> chosen(samples_.size());
    for (size_t& one : chosen) one = rng_.below(samples_.size());
    const size_t size = samples_[0].point.size();
    split(chosen, {Point(size, 0.0), Point(size, 1.0), 0}, 0);
    return std::move(leaves_);
  }

 private:
  struct Cut {
    size_t dimension = 0;
    double at = 0, error = INFINITY;  // the sum of squares that is left
  };

  double cost(size_t i) const { return samples_[i].cost; }

  void split(std::vector<size_t>& chosen, Leaf leaf, int depth) {
    double sum = 0, squares = 0;
    for (size_t i : chosen) sum += cost(i), squares += cost(i) * cost(i);
    leaf.mean = sum / static_cast<double>(chosen.size());
    const double error = squares - sum * leaf.mean;
    Cut best;
    if (depth < kDeepest && chosen.size() >= 2 * smallest_)
      for (size_t i = 0; i < leaf.low.size(); ++i)
        if (rng_.uniform() < 0.7) best_cut(chosen, i, best);
    if (!(best.error < error * (1 - 1e-9))) {
      leaves_.push_back(std::move(leaf));
      return;
    }
    auto middle = std::partition(chosen.begin(), chosen.end(), [&](size_t i) {
      return samples_[i].point[best.dimension] <= best.at;
    });
    std::vector<size_t> left(chosen.begin(), middle), right(middle, chosen.end());
    Leaf upper = leaf;
    leaf.high[best.dimension] = upper.low[best.dimension] = best.at;
    split(left, std::move(leaf), depth + 1);
    split(right, std::move(upper), depth + 1);
  }

  // A cut with `low` on its left and `high` on its right: between neighbours the mean may be
  // either.
  static double between(double low, double high) {
    const double middle = (low + high) / 2;
    return middle < high ? middle : low;
  }

  void best_cut(std::vector<size_t>& chosen, size_t dimension, Cut& best) {
    auto x = [&](size_t i) { return samples_[i].point[dimension]; };
    std::sort(chosen.begin(), chosen.end(),
              [&](size_t a, size_t b) { return x(a) != x(b) ? x(a) < x(b) : a < b; });
    const auto all = static_cast<double>(chosen.size());
    double total = 0, squares = 0, left = 0;
    for (size_t i : chosen) total += cost(i), squares += cost(i) * cost(i);
    for (size_t k = 1; k < chosen.size(); ++k) {
      left += cost(chosen[k - 1]);
      if (k < smallest_ || chosen.size() - k < smallest_) continue;
      if (x(chosen[k]) <= x(chosen[k - 1])) continue;
      const auto n = static_cast<double>(k);
      double error = squares - left * left / n - (total - left) * (total - left) / (all - n);
      if (error < best.error) best = {dimension, between(x(chosen[k - 1]), x(chosen[k])), error};
    }
  }

  const std::vector<Sample>& samples_;
  Rng& rng_;
  size_t smallest_;  // leaf
  std::vector<Leaf> leaves_;
};

// The volume of the leaf's box without one of its dimensions.
double volume_across(const Leaf& leaf, size_t dimension) {
  double product = 1;
  for (size_t i = 0; i < leaf.low.size(); ++i)
    if (i != dimension) product *= leaf.high[i] - leaf.low[i];
  return product;
}

// The variance, over one coordinate, of the tree's mean over all the others. Between two edges of
// leaves the mean is constant.
double marginal_variance(const std::vector<Leaf>& leaves, size_t dimension) {
  std::vector<double> edges = {1};
  for (const Leaf& leaf : leaves) edges.push_back(leaf.low[dimension]);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  // Each leaf adds its part of the mean to the pieces that it spans: as steps up and down.
  std::vector<double> steps(edges.size());
  auto place = [&](double edge) {
    return static_cast<size_t>(std::lower_bound(edges.begin(), edges.end(), edge) - edges.begin());
  };
  for (const Leaf& leaf : leaves) {
    const double part = leaf.mean * volume_across(leaf, dimension);
    steps[place(leaf.low[dimension])] += part;
    steps[place(leaf.high[dimension])] -= part;
  }
  double value = 0, mean = 0, squares = 0;
  for (size_t k = 0; k + 1 < edges.size(); ++k) {
    value += steps[k];
    const double width = edges[k + 1] - edges[k];
    mean += width * value;
    squares += width * value * value;
  }
  return std::max(squares - mean * mean, 0.0);
}

// One divergent trial must not decide what matters: costs above Tukey's fence are brought down to
// it.
void cap_outliers(std::vector<Sample>& samples) {
  std::vector<double> costs;
  for (const Sample& sample : samples) costs.push_back(sample.cost);
  std::sort(costs.begin(), costs.end());
  const double low = costs[costs.size() / 4], high = costs[costs.size() * 3 / 4];
  for (Sample& sample : samples) sample.cost = std::min(sample.cost, high + 1.5 * (high - low));
}

std::vector<Sample> samples_of(const TrialTable& table) {
  std::vector<Sample> samples;
  for (const auto& [trial, cost] : table.observations())
    if (trial->state == Trial::State::done) samples.push_back({trial->point, cost});
  if (samples.size() > kMostData)
    samples.erase(samples.begin(), samples.end() - static_cast<std::ptrdiff_t>(kMostData));
  // A parameter that was not used stands in the middle, where it tells nothing.
  for (Sample& sample : samples)
    for (double& coordinate : sample.point)
      if (!Codec::used(coordinate)) coordinate = 0.5;
  return samples;
}

// Brings the costs to [-1, 1], so that neither their sum nor squares of them overflow. False when
// all are zero.
bool scale_down(std::vector<Sample>& samples) {
  double largest = 0;
  for (const Sample& sample : samples) largest = std::max(largest, std::abs(sample.cost));
  for (Sample& sample : samples) sample.cost = largest > 0 ? sample.cost / largest : 0;
  return largest > 0;
}

// Centred, so that squares of large numbers do not cancel.
void centre(std::vector<Sample>& samples) {
  const double mean =
      std::accumulate(samples.begin(), samples.end(), 0.0,
                      [](double sum, const Sample& one) { return sum + one.cost; }) /
      static_cast<double>(samples.size());
  for (Sample& sample : samples) sample.cost -= mean;
}

}  // namespace

std::vector<Importance> parameter_importance(const TrialTable& table) {
  auto samples = samples_of(table);
  if (samples.size() < 4) return {};
  cap_outliers(samples);
  if (!scale_down(samples)) return {};
  centre(samples);
  if (!scale_down(samples)) return {};
  const size_t size = table.codec().size();
  std::vector<double> shares(size);
  for (int t = 0; t < kTrees; ++t) {
    Rng rng(kSeed, static_cast<uint64_t>(t));
    auto leaves = TreeGrower(samples, rng).grow();
    for (size_t i = 0; i < size; ++i) shares[i] += marginal_variance(leaves, i);
  }
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<Importance> importance;
  if (!(total > 0)) return importance;
  for (size_t i = 0; i < size; ++i)
    importance.push_back({table.codec().space().dimensions[i].name, shares[i] / total});
  return importance;
}

}  // namespace baton
