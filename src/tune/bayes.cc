#include <algorithm>
#include <numeric>

#include "tune/acquisition.h"
#include "tune/branches.h"
#include "tune/draw.h"
#include "tune/methods.h"
#include "tune/search.h"
#include "tune/surrogate.h"
#include "tune/trust_region.h"

namespace baton {
namespace {

// Measured with bench/tune; see docs/tuning.md.
constexpr double kDrawShare = 0.5;      // of suggestions by a posterior sample, by default
constexpr size_t kManyDimensions = 10;  // from here on draws alone have a trust region too
constexpr size_t kCentres = 4;
constexpr size_t kMostBelieved = 500;  // of the open trials, the latest; time is cubic in them
// From kManyDimensions on a climb needs more room than SearchOptions gives.
constexpr size_t kManyRefined = 8;
constexpr int kManyEvaluations = 120;

enum Purpose : uint64_t { kSearch = 1, kDraw, kFallback, kCoin };

const Point& best_of(const std::vector<Observation>& observations) {
  return std::min_element(
             observations.begin(), observations.end(),
             [](const Observation& a, const Observation& b) { return a.cost < b.cost; })
      ->trial->point;
}

class Bayes : public MethodTuner {
 public:
  Bayes(Space space, TuneOptions options)
      : MethodTuner(std::move(space), std::move(options)),
        features_(table().codec()),
        surrogate_(features_),
        points_(table().codec().points()),
        sobol_(table().codec().size(), table().options().seed) {}

 protected:
  Result<Proposal> propose() override;
  void on_revised(const Trial&) override { surrogate_.forget_rows(); }
  Json save_method() const override { return surrogate_.save(); }
  Status load_method(const Json& saved) override { return surrogate_.load(saved); }

 private:
  size_t initial() const;
  std::optional<Point> suggest(const std::vector<Observation>& observations);
  std::vector<Point> incumbents(const std::vector<Observation>& observations);
  SearchOptions where(const std::vector<Observation>& observations, bool draw);
  bool draws() const;
  bool tried(const Point& point) const;
  Point untried() const;

  Features features_;
  Surrogate surrogate_;
  uint64_t points_;  // how many different points there are; 0: a continuum
  Sobol sobol_;
};

size_t Bayes::initial() const {
  const size_t d = table().codec().size();
  size_t count = std::clamp<size_t>(d + 2, 4, 16);
  if (const uint64_t planned = table().options().trials) {
    count = std::min<size_t>(count, std::max<size_t>(2, planned / 3));
  }
  return count;
}

Result<MethodTuner::Proposal> Bayes::propose() {
  // Before anything is fitted: an ask that is refused leaves no trace.
  if (points_ > 0 && table().seen() >= points_) {
    return Error{Code::not_found, "every point of the space has been tried",
                 "widen a range or refine a step"};
  }
  std::optional<Point> point;
  const std::vector<Observation> observations = table().observations();
  if (observations.size() + table().open().size() >= initial() && observations.size() >= 2) {
    point = suggest(observations);
  } else {
    Point next = table().codec().snap(sobol_.at(table().trials().size()));
    if (!tried(next)) point = std::move(next);
  }
  if (!point) point = untried();
  return Proposal{std::move(*point), 0, 0, 0};
}

bool Bayes::tried(const Point& point) const {
  return table().seen(table().codec().as_encoded(point));
}

// Any point that is not tried: by chance, else the first of the walk over all levels. Where there
// is none, as in a continuum between neighbouring numbers, one that is.
Point Bayes::untried() const {
  const Codec& codec = table().codec();
  Rng random = rng(kFallback);
  Point point;
  for (int i = 0; i < 200; ++i) {
    point = codec.snap(uniform_point(codec.size(), random));
    if (!tried(point)) return point;
  }
  Point walk = codec.first();
  do {
    point = walk;
    for (size_t k = 0; k < codec.size(); ++k) {
      if (codec.levels(k) == 0 && Codec::used(point[k])) point[k] = random.uniform();
    }
    if (!tried(point)) return point;
  } while (codec.next(walk));
  return point;
}

std::vector<Point> Bayes::incumbents(const std::vector<Observation>& observations) {
  const Eigen::VectorXd fitted = surrogate_.gp().fitted();
  std::vector<size_t> order(static_cast<size_t>(fitted.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return fitted[static_cast<Eigen::Index>(a)] < fitted[static_cast<Eigen::Index>(b)];
  });
  std::vector<Point> points;
  for (size_t i = 0; i < std::min(order.size(), kCentres); ++i) {
    points.push_back(observations[surrogate_.kept()[order[i]]].trial->point);
  }
  return points;
}

SearchOptions Bayes::where(const std::vector<Observation>& observations, bool draw) {
  SearchOptions options;
  options.centres = incumbents(observations);
  const Kernel& kernel = surrogate_.gp().kernel();
  options.reach.assign(table().codec().size(), 0.5);
  for (size_t i = 0; i < features_.numbers().size(); ++i) {
    const double length = kernel.value(kernel.shape().length(static_cast<Eigen::Index>(i)));
    options.reach[features_.numbers()[i]] = std::min(0.5, length);
  }
  if (table().codec().size() >= kManyDimensions) {
    options.refined = kManyRefined;
    options.evaluations = kManyEvaluations;
  }
  const bool only_draws = !table().options().acquisition.empty();
  if (draw && (!only_draws || table().codec().size() >= kManyDimensions)) {
    std::vector<Observation> around = observations;
    if (!only_draws) around = branch_in_turn(observations, table().open());
    const bool branch = around.size() < observations.size();
    options.centres.resize(1);
    if (branch) options.centres[0] = best_of(around);
    const double side = trust_side(around, branch ? 0 : initial(), table().codec().size());
    Box box = trust_box(features_, kernel, options.centres[0], side, branch);
    options.low = std::move(box.low);
    options.high = std::move(box.high);
  }
  return options;
}

bool Bayes::draws() const {
  const std::string& acquisition = table().options().acquisition;
  if (acquisition.empty()) return rng(kCoin).uniform() < kDrawShare;
  return acquisition == "thompson";
}

std::optional<Point> Bayes::suggest(const std::vector<Observation>& observations) {
  surrogate_.update(observations);
  Gp& gp = surrogate_.gp();
  const bool draw = draws();
  SearchOptions options = where(observations, draw);
  auto seen = [&](const Point& point) { return tried(point); };
  if (draw) {
    auto found = search(features_, PathSample(gp, rng(kDraw)), seen, options, rng(kSearch));
    if (found || options.low.empty()) return found;
    options.low = options.high = {};  // a box of few points may be used up
  }
  const std::vector<const Trial*> open = table().open();
  std::vector<Point> pending;
  for (size_t i = open.size() - std::min(open.size(), kMostBelieved); i < open.size(); ++i) {
    pending.push_back(open[i]->point);
  }
  gp.append_believed(features_.encode(pending));
  // Of the believed values too: what is already being tried is no improvement.
  const double incumbent = gp.fitted().minCoeff();
  return search(features_, LogExpectedImprovement(gp, incumbent), seen, options, rng(kSearch));
}

}  // namespace

TunerPtr make_bayes(Space space, TuneOptions options) {
  return std::make_unique<Bayes>(std::move(space), std::move(options));
}

}  // namespace baton
