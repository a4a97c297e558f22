#include "tune/stop_early.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace baton {
namespace {

constexpr int64_t kVersion = 2;

class StopEarly : public Tuner {
 public:
  StopEarly(std::unique_ptr<Tuner> tuner, const StopEarlyOptions& options, Goal goal)
      : tuner_(std::move(tuner)), options_(options), goal_(goal) {}

  Result<Suggestion> ask() override { return tuner_->ask(); }
  Result<Suggestion> ask_paused() override { return tuner_->ask_paused(); }
  void extend(uint64_t trials) override { tuner_->extend(trials); }
  Status tell(uint64_t id, double value) override {
    return std::isfinite(value) ? tuner_->tell(id, value) : fail(id);
  }
  Status fail(uint64_t id) override {
    BATON_TRY(tuner_->fail(id));
    curves_.erase(id);  // a broken trial is nobody's measure
    return {};
  }
  Status stop(uint64_t id) override { return tuner_->stop(id); }
  Status forget(uint64_t id) override {
    const bool only_paused = is_resumed(id);
    BATON_TRY(tuner_->forget(id));
    if (!only_paused) curves_.erase(id);
    return {};
  }
  Status add(const Params& params, double value) override { return tuner_->add(params, value); }
  std::optional<Best> best() const override { return tuner_->best(); }
  std::vector<Suggestion> pending() const override { return tuner_->pending(); }
  std::vector<Importance> importance() const override { return tuner_->importance(); }

  Result<Verdict> report(uint64_t id, int64_t step, double value) override {
    BATON_ASSIGN(Verdict verdict, tuner_->report(id, step, value));
    // The curve ends where the trial was closed or paused, whatever its program says after that.
    if (verdict != Verdict::go_on) return verdict;
    auto& curve = curves_[id];
    const int64_t before = curve.empty() ? 0 : curve.back().first;
    if (!std::isfinite(value) || (!curve.empty() && step <= curve.back().first)) return verdict;
    double cost = goal_ == Goal::maximize ? -value : value;
    if (!curve.empty()) cost = std::min(cost, curve.back().second);
    curve.emplace_back(step, cost);
    if (!falls_behind(id, before, step, cost)) return verdict;
    BATON_TRY(tuner_->stop(id));
    return Verdict::stop;
  }

  Json save() const override {
    Json curves = Json::array();
    for (const auto& [id, curve] : curves_) curves.push_back({id, curve});
    return {{"stop_early", kVersion},
            {"after", options_.after},
            {"grace", options_.grace},
            {"asha", options_.rule == StopRule::asha},
            {"reduction", options_.reduction},
            {"maximize", goal_ == Goal::maximize},
            {"curves", curves},
            {"tuner", tuner_->save()}};
  }

  Status load_curves(const Json& curves) {
    const Error bad{Code::invalid, "the curves of a saved tuner are damaged",
                    "load exactly what save wrote"};
    if (!curves.is_array()) return bad;
    for (const Json& one : curves) {
      if (!one.is_array() || one.size() != 2 || !one[0].is_number_unsigned() || !one[1].is_array())
        return bad;
      Curve& curve = curves_[one[0].get<uint64_t>()];
      for (const Json& pair : one[1]) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer() ||
            !pair[1].is_number())
          return bad;
        curve.emplace_back(pair[0].get<int64_t>(), pair[1].get<double>());
      }
    }
    return {};
  }

 private:
  using Curve = std::vector<std::pair<int64_t, double>>;  // step, best cost so far

  // Whether the trial is open and forget() would only pause it.
  bool is_resumed(uint64_t id) const {
    const auto open = tuner_->pending();
    return std::any_of(open.begin(), open.end(),
                       [&](const Suggestion& one) { return one.id == id && one.resumed; });
  }

  bool falls_behind(uint64_t id, int64_t before, int64_t step, double cost) const {
    if (step <= options_.grace) return false;
    if (options_.rule == StopRule::median) return is_below_median(id, step, cost);
    // A report may skip rungs.
    for (int64_t rung = options_.grace + 1; rung <= step; rung *= options_.reduction) {
      if (rung > before && is_cut(id, rung, cost)) return true;
      if (rung > step / options_.reduction) break;
    }
    return false;
  }

  // Whether it is not among the best 1/reduction of those that have come to the rung.
  bool is_cut(uint64_t id, int64_t rung, double cost) const {
    size_t others = 0, better = 0;
    for (const auto& [other, curve] : curves_) {
      auto at = std::lower_bound(curve.begin(), curve.end(), rung,
                                 [](const auto& one, int64_t step) { return one.first < step; });
      if (other == id || at == curve.end()) continue;
      ++others;
      if (at->second < cost) ++better;
    }
    const size_t kept = std::max<size_t>(1, (others + 1) / static_cast<size_t>(options_.reduction));
    return others >= static_cast<size_t>(options_.after) && better >= kept;
  }

  bool is_below_median(uint64_t id, int64_t step, double cost) const {
    std::vector<double> others;
    for (const auto& [other, curve] : curves_) {
      if (other == id || curve.empty() || curve.back().first < step) continue;
      // The last entry at or before this step; a curve that begins later says nothing here.
      auto after = std::upper_bound(curve.begin(), curve.end(), step,
                                    [](int64_t at, const auto& one) { return at < one.first; });
      if (after != curve.begin()) others.push_back(std::prev(after)->second);
    }
    if (others.size() < static_cast<size_t>(options_.after)) return false;
    // Of an even number the worse of the two in the middle: rather too patient than not.
    auto middle = others.begin() + static_cast<std::ptrdiff_t>(others.size() / 2);
    std::nth_element(others.begin(), middle, others.end());
    return cost > *middle;
  }

  std::unique_ptr<Tuner> tuner_;
  StopEarlyOptions options_;
  Goal goal_;
  std::map<uint64_t, Curve> curves_;
};

}  // namespace

Result<std::unique_ptr<Tuner>> make_stop_early(std::unique_ptr<Tuner> tuner,
                                               const StopEarlyOptions& options, Goal goal) {
  if (options.after < 1 || options.after > StopEarlyOptions::kMostAfter)
    return Error{
        Code::invalid,
        "stop_early: after must be from 1 to " + std::to_string(StopEarlyOptions::kMostAfter), ""};
  if (options.grace < 0 || options.grace > StopEarlyOptions::kMostGrace)
    return Error{Code::invalid, "stop_early: grace must be from 0 to 2^53", ""};
  if (options.reduction < 2)
    return Error{Code::invalid, "stop_early: reduction must be at least 2", ""};
  return std::unique_ptr<Tuner>(std::make_unique<StopEarly>(std::move(tuner), options, goal));
}

Result<std::unique_ptr<Tuner>> load_any_tuner(const Json& saved) {
  if (!saved.is_object() || !saved.contains("stop_early")) return load_tuner(saved);
  const Error bad{Code::invalid, "this is not a saved tuner", "load exactly what save wrote"};
  if (get_int(saved, "stop_early") > kVersion)
    return Error{Code::too_new, "this tuner was saved by a newer baton", "update baton"};
  if (!saved.contains("tuner") || !saved.contains("curves")) return bad;
  StopEarlyOptions options;
  const int64_t after = get_int(saved, "after");
  options.grace = get_int(saved, "grace", -1);
  const int64_t reduction = get_int(saved, "reduction", options.reduction);
  if (after < 1 || after > StopEarlyOptions::kMostAfter || options.grace < 0 ||
      options.grace > StopEarlyOptions::kMostGrace || reduction < 2 || reduction > 1'000'000)
    return bad;
  options.after = static_cast<int>(after);
  options.reduction = static_cast<int>(reduction);
  if (get_bool(saved, "asha")) options.rule = StopRule::asha;
  BATON_ASSIGN(auto tuner, load_tuner(saved["tuner"]));
  auto wrapped = std::make_unique<StopEarly>(
      std::move(tuner), options, get_bool(saved, "maximize") ? Goal::maximize : Goal::minimize);
  BATON_TRY(wrapped->load_curves(saved["curves"]));
  return std::unique_ptr<Tuner>(std::move(wrapped));
}

}  // namespace baton
