// Surrogate: the Gaussian process that follows a growing list of observations: when to fit
// hyper-parameters again, which observations to keep when there are too many, what to save.
#pragma once

#include <optional>
#include <vector>

#include "tune/features.h"
#include "tune/gp.h"
#include "tune/trials.h"

namespace baton {

class Surrogate {
 public:
  explicit Surrogate(const Features& features);

  // Follows `observations`, whose points begin as they did the last time. Afterwards gp() has no
  // believed points.
  void update(const std::vector<Observation>& observations);
  // One of them has changed or gone: the next update looks at all of them anew.
  void forget_rows() {
    gp_.reset();
    chosen_.clear();
  }
  Gp& gp() { return *gp_; }
  // The observations that gp() knows, as indices into the list of the last update.
  const std::vector<size_t>& kept() const { return kept_; }

  Json save() const;
  Status load(const Json& saved);

  // More than these are never in the model; hyper-parameters are fitted to fewer still.
  static constexpr size_t kMostKept = 500, kMostFitted = 160;

 private:
  bool fit_due(size_t count) const;
  void fit(const std::vector<Observation>& observations, const Eigen::VectorXd& targets);

  const Features* features_;
  GpShape shape_;
  GpPrior prior_;
  Eigen::VectorXd hyper_;  // empty before the first fit
  size_t fitted_at_ = 0;   // the number of observations then; the factor starts from them
  int fits_ = 0;
  std::vector<size_t> chosen_;  // of those fitted_at_, which the model holds; empty: not known yet
  std::optional<Gp> gp_;
  size_t followed_ = 0;  // how many observations gp_ has seen or left out
  std::vector<size_t> kept_;
};

}  // namespace baton
