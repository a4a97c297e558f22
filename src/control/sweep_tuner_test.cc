// The optimiser of a sweep, rebuilt from the events of sweeps that a small game plays.
#include "control/sweep_tuner.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "control/sweep_report.h"

namespace baton {
namespace {

constexpr int64_t kSteps = 4;
constexpr int kTrials = 14;

Sweep sweep_of(const std::string& method, uint64_t seed = 1) {
  std::string text = "command: p ${x} ${y}\nsweep:\n  metric: loss\n  method: " + method +
                     "\n  trials: " + std::to_string(kTrials) +
                     "\n  parallel: 2\n  seed: " + std::to_string(seed) +
                     "\n  parameters: {x: {min: 0, max: 1, step: 0.01}, y: [1, 2, 4]}\n";
  text += method == "asha" || method == "hyperband" ? "  max_step: 4\n  reduction: 2\n"
          : method == "pbt"                         ? "  max_step: 4\n"
                                                    : "  stop_early: {after: 2, grace: 1}\n";
  Sweep sweep;
  auto spec = parse_spec(text, "s.yaml", {});
  EXPECT_TRUE(spec.ok()) << spec.error().message;
  if (spec.ok()) sweep.base.spec = *spec;
  return sweep;
}

double loss(const Params& params, int64_t step) {
  const double x = params[0].second.get<double>() - 0.3;
  return x * x + params[1].second.get<double>() / static_cast<double>(10 * step);
}

// Two trials at a time; they fail, are stopped by hand, pause and come to their end in spite of a
// verdict, as their numbers say.
class Game {
 public:
  explicit Game(Sweep sweep) : sweep_(std::move(sweep)) {
    append(SweepEventType::created);
    append(SweepEventType::claimed);
    rebuild(nullptr, 0);
  }

  void rebuild(const Json* saved, uint64_t saved_at) {
    auto tuner = SweepTuner::rebuild(sweep_, state_, events_, saved, saved_at);
    ASSERT_TRUE(tuner.ok()) << tuner.error().message;
    tuner_.emplace(std::move(*tuner));
  }

  void play() {
    while (move()) {
    }
  }

  // More trials, as `sweep resume --trials` gives them.
  void extend(int trials) {
    SweepEvent event;
    event.type = SweepEventType::resumed;
    event.trials = trials;
    append(event);
    rebuild(nullptr, 0);
  }

  // False when nothing is left to do.
  bool move() {
    if (open_.size() < 2 && ask()) return true;
    if (open_.empty()) return false;
    const uint64_t trial = open_.front();
    open_.pop_front();
    report(trial);
    end(trial);
    return true;
  }

  SweepTuner& tuner() { return *tuner_; }
  const Sweep& sweep() const { return sweep_; }
  const SweepState& state() const { return state_; }
  const std::vector<SweepEvent>& events() const { return events_; }

 private:
  SweepEvent append(SweepEvent event) {
    event.number = state_.events + 1;
    event.nonce = "nonce" + std::to_string(event.number);
    Status allowed = may_follow(state_, event);
    EXPECT_TRUE(allowed.ok()) << allowed.error().message;
    apply(state_, event, sweep_.spec());
    events_.push_back(event);
    return event;
  }
  void append(SweepEventType type) {
    SweepEvent event;
    event.type = type;
    append(event);
  }

  bool ask() {
    auto asked =
        tuner_->ask(state_, state_.trials.size() >= static_cast<size_t>(state_.max_trials));
    if (!asked.ok()) {
      EXPECT_TRUE(asked.is(Code::not_found) || asked.is(Code::transient)) << asked.error().message;
      return false;
    }
    open_.push_back(asked->trial);
    tuner_->note(append(*asked), state_);
    return true;
  }

  void report(uint64_t trial) {
    SweepEvent event;
    event.type = SweepEventType::reported;
    const auto& before = state_.trial(trial).reports;
    for (int64_t step = before.empty() ? 1 : before.back().first + 1; step <= kSteps; ++step) {
      const double value = loss(state_.trial(trial).params, step);
      event.reports.push_back({trial, step, value});
      const Verdict verdict = tuner_->report(trial, step, value);
      if (verdict == Verdict::go_on) continue;
      event.verdicts.emplace_back(trial, verdict == Verdict::stop);
      break;
    }
    if (!event.reports.empty()) append(event);
  }

  void end(uint64_t number) {
    const SweepTrial& trial = state_.trial(number);
    const bool judged = trial.state != SweepTrial::State::open;
    SweepEvent event;
    event.trial = number;
    event.type = SweepEventType::closed;
    if (trial.state == SweepTrial::State::pausing && number % 6 != 0) {
      event.type = SweepEventType::paused;
      append(event);
      return;
    }
    if (number % 5 == 3) {
      event.outcome = TrialOutcome::failed;
    } else if (number % 7 == 4) {
      event.outcome = TrialOutcome::stopped;
    } else if (judged && number % 2 == 0) {
      event.outcome = TrialOutcome::pruned;
      event.value = reported_value(trial, sweep_.spec());
    } else {
      event.value = loss(trial.params, kSteps);
    }
    tuner_->note(append(event), state_);
  }

  Sweep sweep_;
  SweepState state_ = initial_state(sweep_.spec());
  std::vector<SweepEvent> events_;
  std::optional<SweepTuner> tuner_;
  std::deque<uint64_t> open_;
};

class EverySweepTuner : public testing::TestWithParam<const char*> {
 protected:
  static Game game(uint64_t seed = 1) { return Game(sweep_of(GetParam(), seed)); }
};

// Json of a tuner's table, below what stops early.
Json table_of(const SweepTuner& tuner) {
  Json saved = tuner.save()["tuner"];
  return saved.contains("stop_early") ? saved["tuner"] : saved;
}

TEST_P(EverySweepTuner, ReplayedAnywhereItIsTheUninterruptedOne) {
  Game whole = game(), cut = game();
  Json saved;  // older than the last events
  uint64_t saved_at = 0;
  for (int moves = 0; whole.move(); ++moves) {
    ASSERT_TRUE(cut.move());
    ASSERT_EQ(dump_json(cut.tuner().save()), dump_json(whole.tuner().save())) << moves;
    if (moves % 5 == 1) saved = cut.tuner().save(), saved_at = cut.events().size();
    cut.rebuild(moves % 2 && saved_at ? &saved : nullptr, saved_at);
    EXPECT_FALSE(cut.tuner().started_afresh());
    ASSERT_EQ(dump_json(cut.tuner().save()), dump_json(whole.tuner().save())) << moves;
  }
  EXPECT_EQ(whole.state().trials.size(), static_cast<size_t>(kTrials));
}

TEST_P(EverySweepTuner, LearnsOfEachClosedTrialWhatIsRecorded) {
  Game one = game();
  one.play();
  const Json trials = table_of(one.tuner())["trials"];
  int judged = 0;
  for (const SweepTrial& trial : one.state().trials) {
    const Json& known = trials[trial.ask - 1];
    judged += trial.reports.back().first < kSteps;
    if (trial.state == SweepTrial::State::paused) {
      EXPECT_EQ(known["state"], "paused");
    } else if (trial.outcome == TrialOutcome::failed) {
      EXPECT_EQ(known["state"], "failed");
    } else if (trial.outcome == TrialOutcome::stopped) {
      EXPECT_EQ(known["state"], "forgotten");
    } else {
      EXPECT_EQ(known["state"], "done");
      EXPECT_EQ(known["cost"], *trial.value);
    }
  }
  EXPECT_GT(judged, 0) << "no trial was stopped or paused before its end";
}

TEST_P(EverySweepTuner, WhatIsNoStateOfItIsNotUsed) {
  Game one = game(), other = game(2);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(one.move() && other.move());
  const std::string wanted = dump_json(one.tuner().save());
  Json longer = one.tuner().save();
  longer["trials"] = kTrials + 1;
  Json odd_asks = one.tuner().save();
  odd_asks["asks"] = Json::array({7});
  Json no_tuner = one.tuner().save();
  no_tuner["tuner"] = "x";
  struct Wrong {
    Json saved;
    uint64_t at;
  } wrong[] = {{Json(), 3},
               {Json(7), 3},
               {longer, one.events().size()},
               {odd_asks, one.events().size()},
               {no_tuner, one.events().size()},
               {one.tuner().save(), one.events().size() + 1},
               {other.tuner().save(), 3}};  // answers otherwise from event 3 on
  for (auto& [saved, at] : wrong) {
    one.rebuild(&saved, at);
    EXPECT_FALSE(one.tuner().started_afresh());
    EXPECT_EQ(dump_json(one.tuner().save()), wanted) << dump_json(saved).substr(0, 80);
  }
}

TEST_P(EverySweepTuner, AnswersThatDifferMakeAFreshOneOfAllThatIsClosed) {
  Game one = game();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(one.move());
  std::vector<SweepEvent> events = one.events();
  for (SweepEvent& event : events)
    if (event.type == SweepEventType::asked && event.trial == 2) event.params[0].second = 0.77;
  SweepState state = initial_state(one.sweep().spec());
  for (const SweepEvent& event : events) apply(state, event, one.sweep().spec());
  auto tuner = SweepTuner::rebuild(one.sweep(), state, events, nullptr, 0);
  ASSERT_TRUE(tuner.ok()) << tuner.error().message;
  EXPECT_TRUE(tuner->started_afresh());
  Json values = Json::array(), learnt = Json::array();
  for (const SweepTrial& trial : state.trials)
    if (trial.value) values.push_back(*trial.value);
  const Json known = table_of(*tuner)["trials"];
  for (const Json& trial : known) learnt.push_back(trial["cost"]);
  EXPECT_EQ(learnt, values);
  // What the earlier one asked for is learnt when it is closed, and it suggests as any.
  ASSERT_FALSE(state.open.empty());
  SweepEvent closed;
  closed.type = SweepEventType::closed;
  closed.number = state.events + 1;
  closed.trial = state.open.front();
  closed.value = 0.125;
  apply(state, closed, one.sweep().spec());
  tuner->note(closed, state);
  EXPECT_EQ(table_of(*tuner)["trials"].back()["cost"], 0.125);
  auto asked = tuner->ask(state, false);
  ASSERT_TRUE(asked.ok()) << asked.error().message;
  EXPECT_EQ(asked->trial, state.trials.size() + 1);
}

TEST(SweepTuner, ReplaysValuesThatAnEarlierBatonRoundedOtherwise) {
  Sweep sweep = sweep_of("grid");
  sweep.base.spec.sweep->space =
      *space_from_json(*parse_json(R"({"x": {"min": -0.3, "max": 0.3, "step": 0.1}, "y": [1, 2],
                                       "z": {"choices": [1, 2], "when": {"x": 0}}})",
                                   "test"));
  Game game(sweep);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(game.move());
  std::vector<SweepEvent> events = game.events();
  int changed = 0;
  for (SweepEvent& event : events)
    if (event.type == SweepEventType::asked && event.params[0].second == 0)
      event.params[0].second = 5.55111512313e-17, ++changed;
  EXPECT_GT(changed, 0);
  SweepState state = initial_state(sweep.spec());
  for (const SweepEvent& event : events) apply(state, event, sweep.spec());
  auto tuner = SweepTuner::rebuild(sweep, state, events, nullptr, 0);
  ASSERT_TRUE(tuner.ok()) << tuner.error().message;
  EXPECT_FALSE(tuner->started_afresh());
  EXPECT_TRUE(sweep_importance(sweep, state).ok());
}

class ExtendedSweepTuner : public testing::TestWithParam<const char*> {};

TEST_P(ExtendedSweepTuner, ItEndsItsPlanAndThenTheLargerOne) {
  Game whole(sweep_of(GetParam())), cut(sweep_of(GetParam()));
  Json saved;
  uint64_t saved_at = 0;
  int moves = 0;
  for (int trials : {kTrials, kTrials + 1, 30}) {
    if (trials > kTrials) whole.extend(trials), cut.extend(trials);
    for (; whole.move(); ++moves) {
      ASSERT_LT(moves, 1'000);
      ASSERT_TRUE(cut.move());
      if (moves % 5 == 1) saved = cut.tuner().save(), saved_at = cut.events().size();
      cut.rebuild(moves % 2 && saved_at ? &saved : nullptr, saved_at);
      ASSERT_FALSE(cut.tuner().started_afresh()) << moves;
      ASSERT_EQ(dump_json(cut.tuner().save()), dump_json(whole.tuner().save())) << moves;
    }
    EXPECT_TRUE(whole.state().open.empty());
    EXPECT_LE(whole.state().trials.size(), static_cast<size_t>(trials));
  }
  EXPECT_EQ(whole.state().trials.size(), 30u);
  EXPECT_TRUE(std::string(GetParam()) != "pbt" || whole.state().paused == 0);
}

TEST_P(ExtendedSweepTuner, WhatWasExtendedWhileItRanGoesOnFromThere) {
  Game game(sweep_of(GetParam()));
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(game.move());
  game.extend(25);
  for (int moves = 0; game.move(); ++moves) {
    ASSERT_LT(moves, 1'000);
    game.rebuild(nullptr, 0);
    ASSERT_FALSE(game.tuner().started_afresh()) << moves;
  }
  EXPECT_EQ(game.state().trials.size(), 25u);
}

TEST_P(ExtendedSweepTuner, AFreshOneBeginsNoMoreThanWhatIsLeft) {
  Game game(sweep_of(GetParam()));
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(game.move());
  std::vector<SweepEvent> events = game.events();
  for (SweepEvent& event : events)
    if (event.type == SweepEventType::asked && event.trial == 2) event.params[0].second = 0.77;
  auto tuner = SweepTuner::rebuild(game.sweep(), game.state(), events, nullptr, 0);
  ASSERT_TRUE(tuner.ok()) << tuner.error().message;
  ASSERT_TRUE(tuner->started_afresh());
  const Json options = tuner->save()["tuner"]["options"];
  EXPECT_EQ(options["trials"], kTrials - static_cast<int>(game.state().trials.size()));
}

INSTANTIATE_TEST_SUITE_P(Methods, ExtendedSweepTuner, testing::Values("asha", "hyperband", "pbt"),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(Methods, EverySweepTuner,
                         testing::Values("random", "sobol", "grid", "tpe", "bayes", "asha"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace baton
