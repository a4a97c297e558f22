// asha and hyperband: asynchronous successive halving with promotion from checkpoints (Li et al.,
// "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2).
//
// Rungs are at the steps min_step · reduction^k below max_step, and at max_step. A trial that comes
// to a rung goes on at once when it is among the best 1/reduction of all that have come there;
// otherwise it pauses, and ask() resumes it when later results have moved it up. A trial that has
// reported beyond a rung without a report at it has come to both. hyperband runs
// several brackets, the b-th of which begins at rung b, with new trials in the proportions of Li et
// al., "Hyperband", JMLR 2018.
//
// Where all trials have been given out, none is to be promoted and none has come to its end, the
// best one at the highest rung goes on all the same, until one is complete: a search of few trials
// finds something, too.
//
// New trials are drawn as in BOHB (Falkner, Klein, Hutter, ICML 2018): every third one from a Sobol
// sequence, the others by tpe from the results at the highest rung that has enough of them.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "tune/draw.h"
#include "tune/methods.h"
#include "tune/tpe.h"

namespace baton {
namespace {

constexpr size_t kEnoughResults = 10;

std::vector<int64_t> rung_steps(const TuneOptions& options) {
  std::vector<int64_t> steps;
  for (int64_t step = options.min_step; step < options.max_step; step *= options.reduction) {
    steps.push_back(step);
    if (step > options.max_step / options.reduction) break;
  }
  steps.push_back(options.max_step);
  return steps;
}

class HalvingTuner : public MethodTuner {
 public:
  HalvingTuner(Space space, TuneOptions options, bool all_brackets)
      : MethodTuner(std::move(space), std::move(options)),
        start_(table().codec().size(), table().options().seed),
        steps_(rung_steps(table().options())),
        brackets_(all_brackets ? steps_.size() : 1) {}

 protected:
  Result<Proposal> propose() override {
    if (uint64_t id = promotable()) return going_on(id);
    const TuneOptions& options = table().options();
    if (options.trials > 0 && members_.size() >= options.trials) return propose_paused();
    Proposal proposal;
    Rng numbers = rng(0);
    proposal.point = fresh_point(table(), [&](uint64_t i) { return draw(i, numbers); });
    size_t bracket = next_bracket();
    members_[table().trials().size() + 1] = {bracket, bracket};
    proposal.until = steps_[bracket];
    return proposal;
  }

  Result<Proposal> propose_paused() override {
    if (uint64_t id = promotable()) return going_on(id);
    if (uint64_t id = to_complete()) return going_on(id);
    return nothing_left();
  }

  Verdict judge(const Trial& trial) override {
    Member& member = members_[trial.id];
    if (trial.reports.back().first >= steps_.back()) {
      member.rung = steps_.size() - 1;
      return Verdict::stop;
    }
    member.rung = furthest(trial, member);
    return has_come_to(trial, member.rung) ? Verdict::pause : Verdict::go_on;
  }

  void on_closed(const Trial& trial) override {
    if (trial.state == Trial::State::forgotten) members_.erase(trial.id);
  }
  void on_revised(const Trial& trial) override { on_closed(trial); }

  Json save_method() const override {
    Json json = Json::array();
    for (const auto& [id, member] : members_) json.push_back({id, member.bracket, member.rung});
    return json;
  }

  Status load_method(const Json& saved) override {
    const Error bad{Code::invalid, "the rungs are damaged in a saved tuner",
                    "load exactly what save wrote"};
    if (!saved.is_array()) return bad;
    for (const Json& one : saved) {
      if (!one.is_array() || one.size() != 3) return bad;
      for (const Json& number : one)
        if (!number.is_number_integer() || number.get<int64_t>() < 0) return bad;
      Member member{one[1].get<size_t>(), one[2].get<size_t>()};
      auto id = one[0].get<uint64_t>();
      if (!table().find(id) || member.bracket >= brackets_ || member.rung >= steps_.size())
        return bad;
      members_[id] = member;
    }
    for (const Trial& trial : table().trials()) {
      const bool complete = !trial.reports.empty() && has_come_to(trial, steps_.size() - 1);
      const bool open = trial.state == Trial::State::open || trial.state == Trial::State::paused;
      if (open && complete) return bad;
      if (trial.state == Trial::State::paused && trial.reports.empty()) return bad;
    }
    for (const Trial& trial : table().trials())
      if (!trial.added && trial.state != Trial::State::forgotten && !members_.count(trial.id))
        return bad;
    return {};
  }

 private:
  struct Member {
    size_t bracket = 0;
    size_t rung = 0;  // that it is on its way to, or paused at
  };

  // A trial's cost at a rung; a trial that ended before by itself stays as good as it was.
  std::optional<double> cost_at(const Trial& trial, size_t rung) const {
    if (trial.state == Trial::State::failed || trial.state == Trial::State::forgotten) return {};
    for (const auto& [step, cost] : trial.reports)
      if (step >= steps_[rung]) return cost;
    if (trial.state == Trial::State::done) return trial.cost;
    return {};
  }

  bool penalises() const { return table().options().failures == Failures::penalise; }

  // Ids of those that came to a rung of a bracket and belong to its best 1/reduction, best first.
  // A penalised failure counts as the worst of the rungs up to the one that it was on its way to.
  std::vector<uint64_t> best_at(size_t bracket, size_t rung) const {
    std::vector<std::pair<double, uint64_t>> results;
    size_t failed = 0;
    for (const auto& [id, member] : members_) {
      if (member.bracket != bracket) continue;
      const Trial& trial = *table().find(id);
      if (auto cost = cost_at(trial, rung)) results.emplace_back(*cost, id);
      if (trial.state == Trial::State::failed && penalises() && rung <= member.rung) ++failed;
    }
    std::sort(results.begin(), results.end());
    const size_t best =
        (results.size() + failed) / static_cast<size_t>(table().options().reduction);
    results.resize(std::min(best, results.size()));
    std::vector<uint64_t> ids;
    for (const auto& [cost, id] : results) ids.push_back(id);
    return ids;
  }

  bool is_among_best(uint64_t id, const Member& member) const {
    auto best = best_at(member.bracket, member.rung);
    return std::find(best.begin(), best.end(), id) != best.end();
  }

  bool has_come_to(const Trial& trial, size_t rung) const {
    return trial.reports.back().first >= steps_[rung];
  }

  // The rung that an incomplete trial, on its way to or at one, may go on to with what it has
  // reported: the first that it has not come to, or is not among the best of.
  size_t furthest(const Trial& trial, Member member) const {
    while (has_come_to(trial, member.rung) && is_among_best(trial.id, member)) ++member.rung;
    return member.rung;
  }

  bool is_paused(uint64_t id) const { return table().find(id)->state == Trial::State::paused; }

  // A paused trial to go on with, its rung already moved up; 0 when there is none.
  uint64_t promotable() {
    // Promoted before, but taken back by forget().
    for (const auto& [id, member] : members_)
      if (is_paused(id) && !has_come_to(*table().find(id), member.rung)) return id;
    for (size_t rung = steps_.size() - 1; rung-- > 0;)
      for (size_t bracket = 0; bracket < std::min(brackets_, rung + 1); ++bracket)
        for (uint64_t id : best_at(bracket, rung)) {
          Member& member = members_.at(id);
          if (member.rung != rung || !is_paused(id)) continue;
          const Trial& trial = *table().find(id);
          const size_t next = furthest(trial, member);
          if (has_come_to(trial, next)) continue;
          member.rung = next;
          return id;
        }
    return 0;
  }

  // Whether a trial has come to the last step, or to its end by itself.
  bool has_complete() const {
    const auto& trials = table().trials();
    return std::any_of(trials.begin(), trials.end(), [](const Trial& trial) {
      return trial.state == Trial::State::done && !trial.added;
    });
  }

  // With no new trials to come, none open and none complete: the best of those paused at the
  // highest rung, its rung already moved up; 0 when there is none. Fewer trials than the rungs thin
  // out would all stay paused otherwise.
  uint64_t to_complete() {
    if (has_complete() || !table().open().empty()) return 0;
    std::optional<std::tuple<size_t, double, uint64_t>> first;
    for (const auto& [id, member] : members_) {
      if (!is_paused(id) || member.rung + 1 == steps_.size()) continue;
      const std::tuple place(steps_.size() - member.rung, table().find(id)->reports.back().second,
                             id);
      if (!first || place < *first) first = place;
    }
    if (!first) return 0;
    const uint64_t id = std::get<2>(*first);
    Member& member = members_.at(id);
    while (has_come_to(*table().find(id), member.rung)) ++member.rung;
    return id;
  }

  Proposal going_on(uint64_t id) const {
    Proposal proposal;
    proposal.resume = id;
    proposal.until = steps_[members_.at(id).rung];
    return proposal;
  }

  Error nothing_left() const {
    if (!table().open().empty())
      return {Code::transient, "every trial is running or paused", "wait for the next report"};
    return {Code::not_found, "all trials have been given out, and none is to be promoted", ""};
  }

  // The bracket that is furthest behind its share of the trials.
  size_t next_bracket() const {
    std::vector<double> given(brackets_);
    for (const auto& [id, member] : members_) ++given[member.bracket];
    size_t next = 0;
    double least = 0;
    for (size_t b = 0; b < brackets_; ++b) {
      // Bracket b halves brackets_ - 1 - b times.
      const auto halvings = static_cast<double>(brackets_ - 1 - b);
      double wanted = std::ceil(static_cast<double>(brackets_) / (halvings + 1) *
                                std::pow(table().options().reduction, halvings));
      if (double part = (given[b] + 1) / wanted; b == 0 || part < least) next = b, least = part;
    }
    return next;
  }

  Point draw(uint64_t attempt, Rng& numbers) {
    const uint64_t place = table().trials().size() + attempt;
    if (members_.size() % 3 != 2)
      if (auto data = results_to_learn_from()) return tpe_point(table().codec(), *data, numbers);
    return start_.at(place);
  }

  // Those of the highest rung with enough of them.
  std::optional<TpeData> results_to_learn_from() const {
    const size_t enough = std::max(kEnoughResults, table().codec().size() + 2);
    for (size_t rung = steps_.size(); rung-- > 0;) {
      TpeData data;
      for (const Trial& trial : table().trials())
        if (auto cost = cost_at(trial, rung))
          data.observed.emplace_back(&trial.point, *cost);
        else if (trial.state == Trial::State::open)
          data.pending.push_back(&trial.point);
      if (data.observed.size() < enough) continue;
      if (penalises()) add_failures(data);
      return data;
    }
    return {};
  }

  void add_failures(TpeData& data) const {
    double worst = data.observed.front().second;
    for (const auto& [point, cost] : data.observed) worst = std::max(worst, cost);
    for (const Trial& trial : table().trials())
      if (trial.state == Trial::State::failed) data.observed.emplace_back(&trial.point, worst);
  }

  Sobol start_;
  std::vector<int64_t> steps_;
  size_t brackets_;
  std::map<uint64_t, Member> members_;  // all that were asked and not taken back
};

}  // namespace

TunerPtr make_asha(Space space, TuneOptions options) {
  return std::make_unique<HalvingTuner>(std::move(space), std::move(options), false);
}
TunerPtr make_hyperband(Space space, TuneOptions options) {
  return std::make_unique<HalvingTuner>(std::move(space), std::move(options), true);
}

}  // namespace baton
