#include "tune/trials.h"

#include <algorithm>
#include <limits>

namespace baton {

TrialTable::TrialTable(Space space, TuneOptions options)
    : codec_(std::move(space)), options_(std::move(options)) {}

const Trial* TrialTable::find(uint64_t id) const {
  return id >= 1 && id <= trials_.size() ? &trials_[id - 1] : nullptr;
}

Trial* TrialTable::find_open(uint64_t id) {
  if (id < 1 || id > trials_.size()) return nullptr;
  Trial& trial = trials_[id - 1];
  return trial.state == Trial::State::open || trial.state == Trial::State::paused ? &trial
                                                                                  : nullptr;
}

Trial* TrialTable::find_stopped(uint64_t id) {
  return id >= 1 && id <= trials_.size() && trials_[id - 1].stopped ? &trials_[id - 1] : nullptr;
}

std::vector<Observation> TrialTable::observations() const {
  std::vector<Observation> all;
  double worst = -std::numeric_limits<double>::infinity();
  for (const Trial& trial : trials_) {
    if (trial.state != Trial::State::done && trial.state != Trial::State::failed) continue;
    if (trial.state == Trial::State::done) worst = std::max(worst, trial.cost);
    all.push_back({&trial, trial.cost});
  }
  const bool penalise = options_.failures == Failures::penalise && std::isfinite(worst);
  std::erase_if(all, [&](Observation& one) {
    if (one.trial->state == Trial::State::done) return false;
    one.cost = worst;
    return !penalise;
  });
  std::sort(all.begin(), all.end(), [](const Observation& a, const Observation& b) {
    return a.trial->order < b.trial->order;
  });
  return all;
}

std::vector<const Trial*> TrialTable::open() const {
  std::vector<const Trial*> open;
  for (const Trial& trial : trials_) {
    if (trial.state == Trial::State::open) open.push_back(&trial);
  }
  return open;
}

const Trial* TrialTable::best() const {
  const Trial* best = nullptr;
  for (const Trial& trial : trials_) {
    if (trial.state != Trial::State::done) continue;
    if (!best || trial.cost < best->cost ||
        (trial.cost == best->cost && trial.order < best->order)) {
      best = &trial;
    }
  }
  return best;
}

uint64_t TrialTable::count(Trial::State state) const {
  return static_cast<uint64_t>(std::count_if(
      trials_.begin(), trials_.end(), [&](const Trial& trial) { return trial.state == state; }));
}

Trial& TrialTable::append(Trial trial) {
  if (trial.state != Trial::State::forgotten) ++seen_[trial.point];
  return trials_.emplace_back(std::move(trial));
}

void TrialTable::take_back(Trial& trial) {
  trial.state = Trial::State::forgotten;
  const auto point = seen_.find(trial.point);
  if (--point->second == 0) seen_.erase(point);
}

void TrialTable::close(Trial& trial, Trial::State state, double cost) {
  trial.state = state;
  trial.cost = cost;
  trial.order = ++closed_;
}

}  // namespace baton
