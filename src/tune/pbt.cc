// pbt: population based training (Jaderberg et al., arXiv:1711.09846, 2017), asynchronous.
//
// A population of members trains side by side. Every min_step steps a member is compared with those
// that have come as far: one among the worst fifth is stopped, and a new trial takes its place,
// which starts from a copy of the checkpoint of one of the best fifth with parameters near to its.
// Copied is only what has steps left to train: a copy of a complete one would have nothing to do.
// While there are more members than run at once, those ahead pause for those behind.
//
// Trials that are planned later (extend()) are further populations, each begun anew near the best
// when the one before has been trained to its end.
#include <algorithm>
#include <cmath>
#include <map>

#include "tune/draw.h"
#include "tune/methods.h"

namespace baton {
namespace {

constexpr size_t kFewest = 4;       // members; with fewer there is no worst fifth to speak of
constexpr uint64_t kMost = 10'000;  // members
constexpr uint64_t kUsual = 8;      // members, where nothing tells how many
constexpr double kShare = 5;        // one of so many is replaced, and one of so many copied
constexpr double kRedrawn = 0.25;   // how likely a parameter is drawn anew
constexpr double kMoved = 0.1;      // of a range, otherwise, either way
enum Purpose : uint64_t { kParent, kExplore };

// The total of trials is the population and its replacements: a fifth of it at each comparison.
size_t population_size(const TuneOptions& options) {
  const auto parallel = std::min(static_cast<uint64_t>(options.parallel), kMost);
  const uint64_t planned = options.trials_at_first.value_or(options.trials);
  if (planned == 0) return std::max(kUsual, parallel);
  const double comparisons =
      std::floor(static_cast<double>(options.max_step - 1) / static_cast<double>(options.min_step));
  const auto trials = static_cast<double>(std::min(planned, 2 * kMost));
  auto size = std::min(kMost, static_cast<uint64_t>(trials / (1 + comparisons / kShare)));
  return std::min(planned, std::max({size, uint64_t{kFewest}, parallel}));
}

class PbtTuner : public MethodTuner {
 public:
  PbtTuner(Space space, TuneOptions options)
      : MethodTuner(std::move(space), std::move(options)),
        start_(table().codec().size(), table().options().seed),
        slots_(population_size(table().options())) {}

 protected:
  Result<Proposal> propose() override {
    Proposal proposal;
    proposal.until = next_verdict(0);
    const uint64_t next_id = table().trials().size() + 1;
    for (Slot& slot : slots_) {
      if (slot.state != Slot::State::empty) continue;
      proposal.point = fresh_point(table(), [&](uint64_t i) { return start_.at(next_id - 1 + i); });
      slot = {Slot::State::taken, next_id, false};
      return proposal;
    }
    for (Slot& slot : slots_) {
      const bool anew = slot.state == Slot::State::anew;
      if (!anew && slot.state != Slot::State::vacated) continue;
      const Trial* parent = anew ? nullptr : choose_among(parents());
      if (parent) {
        proposal.parent = parent->id;
        proposal.point = explore(parent->point);
        starts_[next_id] = parent->reports.back().first;
        proposal.until = next_verdict(starts_[next_id]);
      } else if (const Trial* model = choose_among(complete())) {
        proposal.point = explore(model->point);  // from the beginning
      } else {
        proposal.point =
            fresh_point(table(), [&](uint64_t i) { return start_.at(next_id - 1 + i); });
      }
      slot = {Slot::State::taken, next_id, true};
      return proposal;
    }
    auto paused = propose_paused();
    return paused.is(Code::not_found) && begin_population() ? propose() : paused;
  }

  Result<Proposal> propose_paused() override {
    if (uint64_t id = furthest_behind()) {
      Proposal proposal;
      proposal.resume = id;
      proposal.until = next_verdict(table().find(id)->reports.back().first);
      return proposal;
    }
    if (!table().open().empty())
      return Error{Code::transient, "every member of the population is running",
                   "wait for the next report"};
    return Error{Code::not_found, "the whole population has been trained to its end", ""};
  }

  Verdict judge(const Trial& trial) override {
    const int64_t step = trial.reports.back().first, every = table().options().min_step;
    if (step >= table().options().max_step) return Verdict::stop;
    const int64_t before = trial.reports.size() > 1 ? trial.reports[trial.reports.size() - 2].first
                                                    : start_of(trial.id);
    // What was copied may be an earlier commit than the parent's last report.
    if (step / every <= before / every) return Verdict::go_on;
    if (may_replace() && is_among_worst(trial, step) && has_better_parent(trial)) {
      if (Slot* slot = slot_of(trial.id)) slot->state = Slot::State::vacated;
      return Verdict::stop;
    }
    return somebody_is_behind(trial.id, step) ? Verdict::pause : Verdict::go_on;
  }

  void on_closed(const Trial& trial) override {
    Slot* slot = slot_of(trial.id);
    if (!slot) return;
    const bool replace = may_replace();
    if (trial.state == Trial::State::forgotten) {
      vacate(*slot);
    } else if (slot->state == Slot::State::taken) {
      bool failed = trial.state == Trial::State::failed;
      slot->state = failed && replace ? Slot::State::vacated : Slot::State::finished;
    }
  }

  void on_revised(const Trial& trial) override {
    if (trial.state != Trial::State::forgotten || !table().options().forget_frees) return;
    Slot* slot = slot_of(trial.id);
    if (slot && slot->state == Slot::State::finished) vacate(*slot);
  }

  Json save_method() const override {
    Json slots = Json::array(), starts = Json::array();
    for (const Slot& slot : slots_)
      slots.push_back({static_cast<int>(slot.state), slot.id, slot.was_replacement});
    for (const auto& [id, step] : starts_) starts.push_back({id, step});
    return {{"slots", slots}, {"starts", starts}};
  }

  Status load_method(const Json& saved) override {
    const Error bad{Code::invalid, "the population is damaged in a saved tuner",
                    "load exactly what save wrote"};
    if (!saved.is_object() || !saved.contains("slots") || !saved.contains("starts")) return bad;
    const Json &slots = saved["slots"], &starts = saved["starts"];
    if (!slots.is_array() || slots.size() != slots_.size() || !starts.is_array()) return bad;
    for (size_t i = 0; i < slots_.size(); ++i) {
      const Json& one = slots[i];
      if (!one.is_array() || one.size() != 3 || !one[0].is_number_integer() ||
          !one[1].is_number_integer() || !one[2].is_boolean())
        return bad;
      auto state = one[0].get<int64_t>();
      auto id = one[1].get<uint64_t>();
      bool taken = state == static_cast<int64_t>(Slot::State::taken);
      if (state < 0 || state > static_cast<int64_t>(Slot::State::anew) ||
          (taken && !table().find(id)))
        return bad;
      slots_[i] = {static_cast<Slot::State>(state), id, one[2].get<bool>()};
    }
    for (const Trial& trial : table().trials())
      if (trial.state == Trial::State::paused && trial.reports.empty()) return bad;
    for (const Json& one : starts) {
      if (!one.is_array() || one.size() != 2 || !one[0].is_number_integer() ||
          !one[1].is_number_integer())
        return bad;
      starts_[one[0].get<uint64_t>()] = one[1].get<int64_t>();
    }
    return {};
  }

 private:
  // A place in the population.
  struct Slot {
    enum class State { empty, taken, vacated, finished, anew };
    State state = State::empty;
    uint64_t id = 0;               // taken: by which trial
    bool was_replacement = false;  // the trial took another one's place

    bool waits() const {
      return state == State::empty || state == State::vacated || state == State::anew;
    }
  };

  Slot* slot_of(uint64_t id) {
    auto slot =
        std::find_if(slots_.begin(), slots_.end(), [&](const Slot& one) { return one.id == id; });
    return slot == slots_.end() ? nullptr : &*slot;
  }

  // Whether there will be a trial for one more place beside those that wait for one. A place that
  // can never be filled would keep everybody paused who waits for it.
  bool may_replace() const {
    const auto waiting =
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.waits(); });
    return static_cast<size_t>(waiting) < room();
  }

  // The place of a trial that was taken back.
  void vacate(Slot& slot) {
    starts_.erase(slot.id);
    slot.state = !may_replace()         ? Slot::State::finished
                 : slot.was_replacement ? Slot::State::vacated
                                        : Slot::State::empty;
  }

  // How many trials may still begin. Known points are none of those that are planned.
  size_t room() const {
    const uint64_t planned = table().options().trials;
    if (planned == 0) return SIZE_MAX;
    const auto& trials = table().trials();
    const bool frees = table().options().forget_frees;
    const auto begun =
        static_cast<uint64_t>(std::count_if(trials.begin(), trials.end(), [&](const Trial& trial) {
          return !trial.added && !(frees && trial.state == Trial::State::forgotten);
        }));
    return planned - std::min(planned, begun);
  }

  // False when no further trials are planned. Its members begin anew: copies of the first of them
  // would all be alike.
  bool begin_population() {
    if (!table().options().trials_at_first) return false;
    const size_t size = std::min(room(), slots_.size());
    for (size_t i = 0; i < size; ++i) slots_[i] = {Slot::State::anew, 0, true};
    return size > 0;
  }

  // The first step after `step` at which trials are compared, or end.
  int64_t next_verdict(int64_t step) const {
    const int64_t every = table().options().min_step, last = table().options().max_step;
    const int64_t ahead = every - step % every;
    return last - step > ahead ? step + ahead : last;
  }

  // The step that a trial inherited.
  int64_t start_of(uint64_t id) const {
    auto start = starts_.find(id);
    return start == starts_.end() ? 0 : start->second;
  }

  static bool has_result(const Trial& trial) {
    return !trial.reports.empty() && trial.state != Trial::State::failed &&
           trial.state != Trial::State::forgotten;
  }

  bool is_penalised(const Trial& trial) const {
    return trial.state == Trial::State::failed && table().options().failures == Failures::penalise;
  }

  // Among all that came to this step by themselves, whether the trial is one of the worst. Those
  // that failed later are the worst of all where failures are penalised: their places have been
  // given to others already.
  bool is_among_worst(const Trial& trial, int64_t step) const {
    std::vector<double> others;
    for (const Trial& other : table().trials()) {
      if (other.id == trial.id || !(has_result(other) || is_penalised(other))) continue;
      for (const auto& [at, cost] : other.reports)
        if (at >= step) {
          others.push_back(is_penalised(other) ? INFINITY : cost);
          break;
        }
    }
    const size_t all = others.size() + 1;
    if (all < kFewest) return false;
    const double cost = trial.reports.back().second;
    const auto worse = static_cast<size_t>(
        std::count_if(others.begin(), others.end(), [&](double other) { return other > cost; }));
    return worse < std::max<size_t>(all / static_cast<size_t>(kShare), 1) && worse < all - 1 &&
           *std::min_element(others.begin(), others.end()) < cost;
  }

  // Trials with a result for which `wanted` holds, the best by their latest result first.
  template <class Wanted>
  std::vector<const Trial*> ranked(Wanted wanted) const {
    std::vector<const Trial*> found;
    for (const Trial& trial : table().trials())
      if (has_result(trial) && wanted(trial)) found.push_back(&trial);
    std::sort(found.begin(), found.end(), [](const Trial* a, const Trial* b) {
      const double first = a->reports.back().second, second = b->reports.back().second;
      return first != second ? first < second : a->id < b->id;
    });
    return found;
  }

  bool is_complete(const Trial& trial) const {
    return trial.reports.back().first >= table().options().max_step;
  }

  // Who may be copied.
  std::vector<const Trial*> parents() const {
    return ranked([&](const Trial& trial) {
      return trial.state != Trial::State::done && !is_complete(trial);
    });
  }

  std::vector<const Trial*> complete() const {
    return ranked([&](const Trial& trial) { return is_complete(trial); });
  }

  bool has_better_parent(const Trial& trial) const {
    return parents().front()->reports.back().second < trial.reports.back().second;
  }

  // One of the first, as many as a fifth of the population; null of none.
  const Trial* choose_among(const std::vector<const Trial*>& ranked) const {
    if (ranked.empty()) return nullptr;
    const size_t best = std::max<size_t>(slots_.size() / static_cast<size_t>(kShare), 1);
    return ranked[rng(kParent).below(std::min(best, ranked.size()))];
  }

  Point explore(const Point& parent) const {
    const Codec& codec = table().codec();
    Rng numbers = rng(kExplore);
    Point point = parent;
    for (size_t i = 0; i < point.size(); ++i) {
      const bool redraw = numbers.uniform() < kRedrawn || !Codec::used(point[i]);
      const double drawn = numbers.uniform(), move = numbers.uniform() < 0.5 ? -kMoved : kMoved;
      if (redraw)
        point[i] = drawn;
      else if (codec.choices(i) == 0)
        point[i] = std::clamp(point[i] + move, 0.0, 1.0);
    }
    return codec.snap(point);
  }

  bool somebody_is_behind(uint64_t id, int64_t step) const {
    return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
      if (slot.waits()) return true;
      if (slot.state != Slot::State::taken || slot.id == id) return false;
      const Trial* other = table().find(slot.id);
      return other && other->state == Trial::State::paused && other->reports.back().first < step;
    });
  }

  // The paused member with the fewest steps, 0 when none is paused.
  uint64_t furthest_behind() const {
    const Trial* found = nullptr;
    for (const Slot& slot : slots_) {
      if (slot.state != Slot::State::taken) continue;
      const Trial* trial = table().find(slot.id);
      if (!trial || trial->state != Trial::State::paused) continue;
      if (!found || trial->reports.back().first < found->reports.back().first) found = trial;
    }
    return found ? found->id : 0;
  }

  Sobol start_;
  std::vector<Slot> slots_;
  std::map<uint64_t, int64_t> starts_;  // replacements: the step that their parent had come to
};

}  // namespace

TunerPtr make_pbt(Space space, TuneOptions options) {
  return std::make_unique<PbtTuner>(std::move(space), std::move(options));
}

}  // namespace baton
