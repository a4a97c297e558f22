// random, sobol and grid: methods that learn nothing.
#include "tune/draw.h"
#include "tune/methods.h"

namespace baton {

Point uniform_point(size_t dimensions, Rng& rng) {
  Point point(dimensions);
  for (double& coordinate : point) coordinate = rng.uniform();
  return point;
}

namespace {

class RandomTuner : public MethodTuner {
 public:
  using MethodTuner::MethodTuner;

 protected:
  Result<Proposal> propose() override {
    Rng numbers = rng(0);
    size_t size = table().codec().size();
    Proposal proposal;
    proposal.point = fresh_point(table(), [&](uint64_t) { return uniform_point(size, numbers); });
    return proposal;
  }
};

// The sequence in order; points that somebody added, or that snap to one that was asked, are left
// out.
class SobolTuner : public MethodTuner {
 public:
  SobolTuner(Space space, TuneOptions options)
      : MethodTuner(std::move(space), std::move(options)),
        sobol_(table().codec().size(), table().options().seed) {}

 protected:
  Result<Proposal> propose() override {
    Proposal proposal;
    proposal.point = fresh_point(table(), [this](uint64_t) { return sobol_.at(next_++); });
    return proposal;
  }
  Json save_method() const override { return {{"next", next_}}; }
  Status load_method(const Json& saved) override {
    int64_t next = get_int(saved, "next", -1);
    if (next < 0 || next > int64_t{1} << 32)
      return Error{Code::invalid, "the place in the sequence is damaged in a saved tuner",
                   "load exactly what save wrote"};
    next_ = static_cast<uint64_t>(next);
    return {};
  }

 private:
  Sobol sobol_;
  uint64_t next_ = 0;
};

// Every point once, the last parameter fastest. What was taken back is given out again first.
class GridTuner : public MethodTuner {
 public:
  using MethodTuner::MethodTuner;

 protected:
  Result<Proposal> propose() override {
    Proposal proposal;
    for (const Trial& trial : table().trials())
      if (trial.state == Trial::State::forgotten && !table().seen(trial.point)) {
        proposal.point = trial.point;
        return proposal;
      }
    Point point = at_;
    do {
      if (point.empty())
        point = table().codec().first();
      else if (!table().codec().next(point))
        return Error{Code::not_found, "every point of the grid has been given out",
                     "smaller steps or more choices make a finer grid"};
    } while (table().seen(point));
    at_ = proposal.point = point;
    return proposal;
  }
  Json save_method() const override { return {{"at", at_}}; }
  Status load_method(const Json& saved) override {
    const Error bad{Code::invalid, "the place in the grid is damaged in a saved tuner",
                    "load exactly what save wrote"};
    auto at = saved.find("at");
    if (at == saved.end() || !at->is_array()) return bad;
    Point point;
    for (const Json& coordinate : *at) {
      if (!coordinate.is_number()) return bad;
      point.push_back(coordinate.get<double>());
    }
    if (!point.empty() &&
        (point.size() != table().codec().size() || table().codec().snap(point) != point))
      return bad;
    at_ = point;
    return {};
  }

 private:
  Point at_;  // the last point given out, empty before the first
};

}  // namespace

TunerPtr make_random(Space space, TuneOptions options) {
  return std::make_unique<RandomTuner>(std::move(space), std::move(options));
}
TunerPtr make_sobol(Space space, TuneOptions options) {
  return std::make_unique<SobolTuner>(std::move(space), std::move(options));
}
TunerPtr make_grid(Space space, TuneOptions options) {
  return std::make_unique<GridTuner>(std::move(space), std::move(options));
}

}  // namespace baton
