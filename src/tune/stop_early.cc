#include "tune/stop_early.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace baton {
namespace {

constexpr int64_t kVersion = 1;

class StopEarly : public Tuner {
 public:
  StopEarly(std::unique_ptr<Tuner> tuner, const StopEarlyOptions& options, Goal goal)
      : tuner_(std::move(tuner)), options_(options), goal_(goal) {}

  Result<Suggestion> ask() override { return tuner_->ask(); }
  Status tell(uint64_t id, double value) override { return tuner_->tell(id, value); }
  Status fail(uint64_t id) override {
    BATON_TRY(tuner_->fail(id));
    curves_.erase(id);  // a broken trial is nobody's measure
    return {};
  }
  Status forget(uint64_t id) override { return tuner_->forget(id); }
  Status add(const Params& params, double value) override { return tuner_->add(params, value); }
  std::optional<Best> best() const override { return tuner_->best(); }
  std::vector<Suggestion> pending() const override { return tuner_->pending(); }
  std::vector<Importance> importance() const override { return tuner_->importance(); }

  Result<Verdict> report(uint64_t id, int64_t step, double value) override {
    BATON_ASSIGN(Verdict verdict, tuner_->report(id, step, value));
    auto& curve = curves_[id];
    if (!std::isfinite(value) || (!curve.empty() && step <= curve.back().first)) return verdict;
    double cost = goal_ == Goal::maximize ? -value : value;
    if (!curve.empty()) cost = std::min(cost, curve.back().second);
    curve.emplace_back(step, cost);
    if (verdict != Verdict::go_on || !falls_behind(id, step, cost)) return verdict;
    BATON_TRY(tuner_->tell(id, value));
    return Verdict::stop;
  }

  Json save() const override {
    Json curves = Json::array();
    for (const auto& [id, curve] : curves_) curves.push_back({id, curve});
    return {{"stop_early", kVersion},  {"after", options_.after},
            {"grace", options_.grace}, {"maximize", goal_ == Goal::maximize},
            {"curves", curves},        {"tuner", tuner_->save()}};
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

  bool falls_behind(uint64_t id, int64_t step, double cost) const {
    if (step <= options_.grace) return false;
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
  if (options.after < 1) return Error{Code::invalid, "stop_early: after must be at least 1", ""};
  if (options.grace < 0) return Error{Code::invalid, "stop_early: grace must be at least 0", ""};
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
  if (after < 1 || after > 1'000'000 || options.grace < 0) return bad;
  options.after = static_cast<int>(after);
  BATON_ASSIGN(auto tuner, load_tuner(saved["tuner"]));
  auto wrapped = std::make_unique<StopEarly>(
      std::move(tuner), options, get_bool(saved, "maximize") ? Goal::maximize : Goal::minimize);
  BATON_TRY(wrapped->load_curves(saved["curves"]));
  return std::unique_ptr<Tuner>(std::move(wrapped));
}

}  // namespace baton
