#include "tune/surrogate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tune/targets.h"

namespace baton {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// At most `most` of the first `count` observations: the better ones for one half, the rest spread
// evenly over time.
std::vector<size_t> choose(const VectorXd& targets, size_t count, size_t most) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (count <= most) return order;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return targets[static_cast<Index>(a)] < targets[static_cast<Index>(b)];
  });
  std::vector<size_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most / 2));
  std::vector<size_t> rest(order.begin() + static_cast<std::ptrdiff_t>(most / 2), order.end());
  std::sort(rest.begin(), rest.end());
  const size_t wanted = most - chosen.size();
  for (size_t i = 0; i < wanted; ++i) chosen.push_back(rest[i * rest.size() / wanted]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

VectorXd picked(const VectorXd& values, const std::vector<size_t>& indices) {
  VectorXd result(indices.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    result[static_cast<Index>(i)] = values[static_cast<Index>(indices[i])];
  }
  return result;
}

std::vector<Point> points_of(const std::vector<Observation>& observations,
                             const std::vector<size_t>& indices) {
  std::vector<Point> points;
  points.reserve(indices.size());
  for (const size_t i : indices) points.push_back(observations[i].trial->point);
  return points;
}

}  // namespace

Surrogate::Surrogate(const Features& features)
    : features_(&features),
      shape_(features.shape(/*warped=*/false)),
      prior_(GpPrior::standard(shape_)) {}

bool Surrogate::fit_due(size_t count) const {
  return hyper_.size() == 0 || count >= fitted_at_ + std::max<size_t>(1, count / 20);
}

void Surrogate::fit(const std::vector<Observation>& observations, const VectorXd& targets) {
  const std::vector<size_t> chosen = choose(targets, observations.size(), kMostFitted);
  const GpInputs inputs = features_->encode(points_of(observations, chosen));
  std::vector<VectorXd> starts;
  const bool afresh = hyper_.size() == 0 || fits_ % 8 == 0;
  if (hyper_.size() > 0) starts.push_back(hyper_);
  if (afresh) {
    for (VectorXd& start : prior_.starts(shape_)) starts.push_back(std::move(start));
  }
  hyper_ = gp_fit(shape_, prior_, inputs, picked(targets, chosen), starts,
                  {.evaluations = afresh ? 40 : 12});
  ++fits_;
  fitted_at_ = observations.size();
  forget_rows();
}

void Surrogate::update(const std::vector<Observation>& observations) {
  std::vector<double> costs;
  for (const Observation& one : observations) costs.push_back(one.cost);
  const VectorXd targets = targets_of(costs);
  fitted_at_ = std::min(fitted_at_, observations.size());  // one of them may have gone
  if (fit_due(observations.size())) fit(observations, targets);
  if (!gp_) {
    // From here on exactly what a tuner that was loaded does: first the observations of the last
    // fit at once, then the later ones row by row.
    if (chosen_.empty() || chosen_.back() >= fitted_at_) {
      const auto end = costs.begin() + static_cast<std::ptrdiff_t>(fitted_at_);
      chosen_ = choose(targets_of({costs.begin(), end}), fitted_at_, kMostKept);
    }
    kept_ = chosen_;
    gp_.emplace(Kernel(shape_, hyper_), features_->encode(points_of(observations, kept_)),
                picked(targets, kept_));
    followed_ = fitted_at_;
  } else {
    gp_->truncate(static_cast<Index>(kept_.size()));
  }
  std::vector<size_t> later;
  for (; followed_ < observations.size(); ++followed_) later.push_back(followed_);
  kept_.insert(kept_.end(), later.begin(), later.end());
  if (!later.empty()) {
    gp_->append(features_->encode(points_of(observations, later)), picked(targets, later));
  }
  gp_->set_targets(picked(targets, kept_));
}

Json Surrogate::save() const {
  Json hyper = Json::array();
  for (const double one : hyper_) hyper.push_back(one);
  Json saved = {{"hyper", hyper}, {"fitted_at", fitted_at_}, {"fits", fits_}};
  // Costs of penalised failures change, and would choose otherwise.
  if (!chosen_.empty() && fitted_at_ > kMostKept) saved["chosen"] = chosen_;
  return saved;
}

Status Surrogate::load(const Json& saved) {
  const Error bad{Code::invalid, "the model of a saved tuner is damaged",
                  "load exactly what save wrote"};
  if (!saved.contains("hyper") || !saved["hyper"].is_array()) return bad;
  const Json& hyper = saved["hyper"];
  const int64_t fitted_at = get_int(saved, "fitted_at", -1), fits = get_int(saved, "fits", -1);
  if (fitted_at < 0 || fits < 0 || fits > 1 << 30) return bad;
  if (hyper.empty()) return {};
  if (hyper.size() != static_cast<size_t>(shape_.size()) || fitted_at == 0) return bad;
  VectorXd values(shape_.size());
  for (size_t i = 0; i < hyper.size(); ++i) {
    if (!hyper[i].is_number()) return bad;
    const auto at = static_cast<Index>(i);
    values[at] = hyper[i].get<double>();
    if (!(values[at] >= prior_.low[at] && values[at] <= prior_.high[at])) return bad;
  }
  std::vector<size_t> chosen;
  const Json list = saved.value("chosen", Json::array());
  if (!list.is_array() || list.size() > kMostKept) return bad;
  for (const Json& one : list) {
    const bool rises = one.is_number_integer() && one.get<int64_t>() >= 0 &&
                       (chosen.empty() || one.get<size_t>() > chosen.back());
    if (!rises) return bad;
    chosen.push_back(one.get<size_t>());
  }
  hyper_ = values;
  chosen_ = std::move(chosen);
  fitted_at_ = static_cast<size_t>(fitted_at);
  fits_ = static_cast<int>(fits);
  return {};
}

}  // namespace baton
