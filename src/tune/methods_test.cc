// What every method must keep to, and what random, sobol and grid do.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tune/testing.h"

namespace baton {
namespace {

const char* kMixed = R"({
  "lr": {"min": 1e-5, "max": 0.1, "scale": "log"},
  "width": {"min": 16, "max": 256, "type": "int", "step": 16},
  "optimizer": ["sgd", "adam", "adamw"],
  "momentum": {"min": 0.5, "max": 0.95, "step": 0.05, "when": {"optimizer": "sgd"}}})";
// Only for a grid, which needs levels.
const char* kLevels = R"({
  "width": {"min": 16, "max": 256, "type": "int", "step": 16},
  "optimizer": ["sgd", "adam", "adamw"],
  "momentum": {"min": 0.5, "max": 0.95, "step": 0.05, "when": {"optimizer": "sgd"}}})";

double loss(const Params& params, int64_t step) {
  double lr = find_param(params, "lr") ? std::log10(number(params, "lr")) + 3 : 0;
  double width = (number(params, "width") - 128) / 128;
  return lr * lr + width * width + number(params, "momentum") + 5.0 / static_cast<double>(step + 1);
}

class EveryMethod : public testing::TestWithParam<const char*> {
 protected:
  static std::string method() { return GetParam(); }
  static bool has_budgets() {
    return method() == "asha" || method() == "hyperband" || method() == "pbt";
  }
  static int64_t steps() { return has_budgets() ? 9 : 0; }
  static Space space() { return test_space(method() == "grid" ? kLevels : kMixed); }
  static std::unique_ptr<Tuner> make(uint64_t seed = 7, Goal goal = Goal::minimize) {
    TuneOptions options;
    options.method = method();
    options.seed = seed;
    options.goal = goal;
    options.parallel = 3;
    options.max_step = steps();
    return test_tuner(space(), options);
  }
};

TEST_P(EveryMethod, AnswersTheSameForTheSameSeed) {
  Player one(loss, 3, steps()), two(loss, 3, steps()), other(loss, 3, steps());
  one.play(*make(), 150);
  two.play(*make(), 150);
  other.play(*make(8), 150);
  EXPECT_EQ(one.log(), two.log());
  if (method() != "grid") {
    EXPECT_NE(one.log(), other.log());
  }
}

TEST_P(EveryMethod, SuggestsOnlyWhatTheSpaceHas) {
  Player player(loss, 3, steps());
  player.play(*make(), 200);
  ASSERT_GT(player.asked().size(), 7u);
  for (const auto& trial : player.asked()) {
    auto fits = check_params(space(), trial.params);
    EXPECT_TRUE(fits.ok()) << fits.error().message;
  }
}

TEST_P(EveryMethod, GoesOnFromWhatWasSaved) {
  for (int moves : {0, 5, 40, 90}) {
    auto whole = make();
    Player player(loss, 3, steps());
    player.play(*whole, moves);
    auto text = dump_json(whole->save());
    auto loaded = load_tuner(*parse_json(text, "saved"));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(dump_json((*loaded)->save()), text);
    Player twin = player;
    player.play(*whole, 60);
    twin.play(**loaded, 60);
    EXPECT_EQ(player.log(), twin.log()) << "saved after " << moves;
    EXPECT_EQ(dump_json(whole->save()), dump_json((*loaded)->save()));
  }
}

TEST_P(EveryMethod, TurnsAwayWhatIsNotSaved) {
  auto tuner = make();
  Player player(loss, 3, steps());
  player.play(*tuner, 30);
  Json saved = tuner->save();
  for (const char* bad :
       {"7", "[]", "[[1]]", "[[1,2,3]]", "{\"next\":-1}", "{\"at\":[2,3]}",
        "{\"at\":[0.5,\"x\",3]}", "{\"slots\":[],\"starts\":[]}", "{\"slots\":7}"}) {
    saved["method"] = *parse_json(bad, "test");
    auto loaded = load_tuner(saved);
    // Methods that remember nothing have nothing to be damaged.
    const bool remembers = method() != "random" && method() != "tpe";
    EXPECT_EQ(loaded.is(Code::invalid), remembers) << bad;
  }
}

TEST_P(EveryMethod, KeepsTrialsApartWhileTheyArePending) {
  auto tuner = make();
  std::set<std::string> seen;
  for (int i = 0; i < 8; ++i) {
    auto trial = tuner->ask();
    ASSERT_TRUE(trial.ok());
    EXPECT_EQ(trial->id, static_cast<uint64_t>(i + 1));
    Json json = Json::object();
    for (const auto& [name, value] : trial->params) json[name] = value;
    EXPECT_TRUE(seen.insert(dump_json(json)).second);
  }
  EXPECT_EQ(tuner->pending().size(), 8u);
}

TEST_P(EveryMethod, KnowsTheBestWhateverTheGoal) {
  for (Goal goal : {Goal::minimize, Goal::maximize}) {
    auto tuner = make(7, goal);
    double best = goal == Goal::minimize ? INFINITY : -INFINITY;
    for (int i = 0; i < 6; ++i) {
      auto trial = tuner->ask();
      ASSERT_TRUE(trial.ok());
      double value = loss(trial->params, 0);
      ASSERT_TRUE(tuner->tell(trial->id, value).ok());
      best = goal == Goal::minimize ? std::min(best, value) : std::max(best, value);
    }
    EXPECT_EQ(tuner->best()->value, best);
  }
}

TEST_P(EveryMethod, LivesWithFailuresAndNaN) {
  auto tuner = make();
  int asked = 0;
  for (int i = 0; i < 40; ++i) {
    auto trial = tuner->ask();
    if (!trial.ok()) break;
    ++asked;
    double value = i % 3 == 1 ? NAN : loss(trial->params, 1);
    ASSERT_TRUE((i % 3 == 0 ? tuner->fail(trial->id) : tuner->tell(trial->id, value)).ok());
  }
  EXPECT_GT(asked, 6);
  EXPECT_TRUE(tuner->best());
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod,
                         testing::Values("random", "sobol", "grid", "tpe", "asha", "hyperband",
                                         "pbt"),
                         [](const auto& test) { return std::string(test.param); });

TuneOptions with(const std::string& method) {
  TuneOptions options;
  options.method = method;
  return options;
}

TEST(Grid, GivesEveryPointOnceAndThenNoMore) {
  auto tuner = test_tuner(test_space(kLevels), with("grid"));
  std::set<std::string> seen;
  Result<Suggestion> trial = tuner->ask();
  for (; trial.ok(); trial = tuner->ask()) {
    Json json = Json::object();
    for (const auto& [name, value] : trial->params) json[name] = value;
    EXPECT_TRUE(seen.insert(dump_json(json)).second);
    ASSERT_TRUE(tuner->tell(trial->id, 1).ok());
  }
  EXPECT_EQ(seen.size(), 16u * (10 + 2));
  EXPECT_TRUE(trial.is(Code::not_found));
}

TEST(Grid, GivesOutAgainWhatWasTakenBackAndLeavesOutWhatIsKnown) {
  Space space = test_space(R"({"a": [1, 2], "b": ["x", "y"]})");
  auto tuner = test_tuner(space, with("grid"));
  ASSERT_TRUE(tuner->add({{"a", 1}, {"b", "y"}}, 3).ok());
  auto first = tuner->ask(), second = tuner->ask();
  EXPECT_EQ(first->params, (Params{{"a", 1}, {"b", "x"}}));
  EXPECT_EQ(second->params, (Params{{"a", 2}, {"b", "x"}}));
  ASSERT_TRUE(tuner->forget(first->id).ok());
  EXPECT_EQ(tuner->ask()->params, first->params);
  EXPECT_EQ(tuner->ask()->params, (Params{{"a", 2}, {"b", "y"}}));
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
}

TEST(Grid, ALargeOneThatWasTakenBackIsGivenOutAgain) {
  Space space = test_space(R"({"n": {"min": 1, "max": 5000, "type": "int"}})");
  auto tuner = test_tuner(space, with("grid"));
  for (uint64_t id = 1; id <= 5000; ++id) ASSERT_TRUE(tuner->ask().ok());
  for (uint64_t id = 1; id <= 5000; ++id) ASSERT_TRUE(tuner->forget(id).ok());
  std::set<double> again;
  for (int i = 0; i < 5000; ++i) again.insert(number(tuner->ask()->params, "n"));
  EXPECT_EQ(again.size(), 5000u);
  EXPECT_TRUE(tuner->ask().is(Code::not_found));
}

TEST(KnownPoints, AreKeptAsTheSpaceHasThem) {
  Space space = test_space(R"({"n": {"min": 0, "max": 10, "type": "int"}, "c": [1, 2]})");
  auto tuner = test_tuner(space, with("random"));
  ASSERT_TRUE(tuner->add({{"c", 1.0}, {"n", 3.0}}, 1).ok());
  EXPECT_EQ(dump_json(tuner->best()->params[0].second), "3");
  EXPECT_EQ(dump_json(tuner->best()->params[1].second), "1");
}

TEST(RandomAndSobol, SearchSmallSpacesAgain) {
  Space space = test_space(R"({"a": [1, 2, 3]})");
  for (const char* method : {"random", "sobol", "tpe"}) {
    auto tuner = test_tuner(space, with(method));
    std::set<int> seen;
    for (int i = 0; i < 3; ++i) seen.insert(tuner->ask()->params[0].second.get<int>());
    EXPECT_EQ(seen.size(), 3u) << method;
    EXPECT_TRUE(tuner->ask().ok()) << method;
  }
}

TEST(RandomAndSobol, FollowTheScale) {
  Space space = test_space(R"({"lr": {"min": 1e-4, "max": 1, "scale": "log"}})");
  for (const char* method : {"random", "sobol"}) {
    auto tuner = test_tuner(space, with(method));
    int low = 0;
    for (int i = 0; i < 256; ++i) low += number(tuner->ask()->params, "lr") < 1e-2;
    EXPECT_NEAR(low, 128, method == std::string("sobol") ? 1 : 40);
  }
}

}  // namespace
}  // namespace baton
