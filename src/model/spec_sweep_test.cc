#include <gtest/gtest.h>

#include "model/spec.h"

namespace baton {
namespace {

const char* const kGood =
    "command: python3 train.py --lr ${lr} --width ${width} --opt ${optimizer}\n"
    "params: {momentum: 0}\n"
    "sweep:\n"
    "  metric: {name: val_accuracy, goal: maximize}\n"
    "  method: tpe\n"
    "  trials: 60\n"
    "  parallel: 4\n"
    "  parameters:\n"
    "    lr: {min: 1e-5, max: 1e-1, scale: log}\n"
    "    width: {min: 16, max: 256, type: int, step: 16}\n"
    "    optimizer: [sgd, adam, adamw]\n"
    "    momentum: {min: 0.5, max: 0.99, when: {optimizer: sgd}}\n"
    "  stop_early: {after: 2, grace: 1}\n"
    "  budget: {time: 6h, target: 0.93}\n";

std::string error_of(const std::string& text) {
  auto spec = parse_spec(text, "s.yaml", {});
  return spec.ok() ? "" : spec.error().message;
}

TEST(SpecSweep, ReadsEveryKey) {
  auto spec = parse_spec(kGood, "s.yaml", {});
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const SweepSpec& sweep = *spec->sweep;
  EXPECT_EQ(sweep.metric, "val_accuracy");
  EXPECT_TRUE(sweep.maximize);
  EXPECT_EQ(sweep.method, "tpe");
  EXPECT_EQ(sweep.trials, 60);
  EXPECT_EQ(sweep.parallel, 4);
  ASSERT_EQ(sweep.space.dimensions.size(), 4u);
  EXPECT_EQ(sweep.space.dimensions[0].min, 1e-5);
  EXPECT_EQ(sweep.stop_early->after, 2);
  EXPECT_EQ(sweep.time_ms, 6 * 3'600'000);
  EXPECT_EQ(*sweep.target, 0.93);
}

const char* const kBayes =
    "command: p ${x}\n"
    "sweep:\n"
    "  metric: {name: loss, best: true}\n"
    "  acquisition: thompson\n"
    "  trials: 5\n"
    "  seed: 18446744073709551615\n"
    "  failures: penalise\n"
    "  parameters: {x: [1, 2]}\n";
const char* const kAsha =
    "command: p ${x}\n"
    "sweep: {metric: loss, method: asha, trials: 5, max_step: 81, min_step: 3, reduction: 4,\n"
    "        parameters: {x: [1, 2]}}\n";

TEST(SpecSweep, ReadsWhatIsSeldomSaid) {
  auto bayes = parse_spec(kBayes, "s.yaml", {});
  ASSERT_TRUE(bayes.ok()) << bayes.error().message;
  EXPECT_TRUE(bayes->sweep->best);
  EXPECT_FALSE(bayes->sweep->maximize);
  EXPECT_EQ(bayes->sweep->method, "bayes");
  EXPECT_EQ(bayes->sweep->acquisition, "thompson");
  EXPECT_EQ(bayes->sweep->seed, 18446744073709551615u);
  EXPECT_TRUE(bayes->sweep->penalise);
  auto asha = parse_spec(kAsha, "s.yaml", {});
  ASSERT_TRUE(asha.ok()) << asha.error().message;
  EXPECT_EQ(asha->sweep->max_step, 81);
  EXPECT_EQ(asha->sweep->min_step, 3);
  EXPECT_EQ(asha->sweep->reduction, 4);
  EXPECT_FALSE(asha->sweep->best);
  EXPECT_FALSE(asha->sweep->penalise);
  EXPECT_EQ(asha->sweep->seed, 0u);
}

TEST(SpecSweep, SurvivesJson) {
  for (const char* text : {kGood, kBayes, kAsha}) {
    auto spec = parse_spec(text, "s.yaml", {});
    ASSERT_TRUE(spec.ok());
    auto back = spec_from_json(spec_to_json(*spec));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_TRUE(*back == *spec);
  }
}

struct Slip {
  const char* name;
  std::string sweep;  // what stands below `sweep:`
  std::string error;
};

class SpecSweepSlips : public testing::TestWithParam<Slip> {};

TEST_P(SpecSweepSlips, AreToldWithTheirPlace) {
  EXPECT_EQ(error_of("command: p ${x}\nsweep:\n" + GetParam().sweep), GetParam().error);
}

const char* const kX = "  metric: loss\n  trials: 3\n";

INSTANTIATE_TEST_SUITE_P(
    All, SpecSweepSlips,
    testing::Values(
        Slip{"empty_range", std::string(kX) + "  parameters: {x: {min: 2, max: 1}}\n",
             "s.yaml:5:33: sweep.parameters.x.max is 1, expected more than min, which is 2"},
        Slip{"log_over_zero",
             std::string(kX) + "  parameters:\n    x: {min: 0, max: 1, scale: log}\n",
             "s.yaml:6:14: sweep.parameters.x.min is 0, but a logarithmic scale needs more than 0"},
        Slip{"unknown_reference", std::string(kX) + "  parameters: {y: {min: 0, max: 1}}\n",
             "s.yaml:1:12: command: ${x} names no parameter; did you mean \"y\"?\n"
             "s.yaml:5:16: sweep.parameters.y is never used; write ${y} in the command, or, if the "
             "program reads it from params.json, give it a value in params too"},
        Slip{"circle",
             std::string(kX) + "  parameters:\n    x: {choices: [1, 2], when: {y: 1}}\n"
                               "    y: {choices: [1, 2], when: {x: 1}}\n"
                               "params: {x: 1, y: 1}\n",
             "s.yaml:6:32: sweep.parameters.x.when leads back to itself: x → y → x"},
        Slip{"duplicate_choice", std::string(kX) + "  parameters: {x: [1, 2, 1.0]}\n",
             "s.yaml:5:26: sweep.parameters.x.choices.2 repeats 1.0; name each choice once"},
        Slip{"unknown_method", std::string(kX) + "  method: baies\n  parameters: {x: [1, 2]}\n",
             "s.yaml:5:11: sweep.method is \"baies\", expected one of bayes, tpe, sobol, grid, "
             "random, asha, hyperband, pbt; did you mean \"bayes\"?"},
        Slip{"no_metric", "  trials: 3\n  parameters: {x: [1, 2]}\n",
             "s.yaml:3:3: sweep has no metric, but the method bayes learns from one; add "
             "sweep.metric, or use grid, sobol or random"},
        Slip{"endless", "  method: random\n  parameters: {x: [1, 2]}\n",
             "s.yaml:3:3: sweep would never end; say how many sweep.trials to run, or give "
             "sweep.budget a time or a target"},
        Slip{"no_max_step", std::string(kX) + "  method: asha\n  parameters: {x: [1, 2]}\n",
             "s.yaml:5:11: sweep.max_step is missing, but asha needs to know at which reported "
             "step a trial is complete"},
        Slip{"no_budgets",
             std::string(kX) + "  method: random\n  max_step: 9\n  parameters: {x: [1, 2]}\n",
             "s.yaml:6:13: sweep.max_step goes with asha, hyperband and pbt only, not with random"},
        Slip{"no_early_stops",
             std::string(kX) + "  method: asha\n  max_step: 9\n  stop_early: true\n"
                               "  parameters: {x: [1, 2]}\n",
             "s.yaml:7:15: sweep.stop_early does not go with the method asha, which stops trials "
             "by itself"},
        Slip{"no_acquisition",
             std::string(kX) + "  method: tpe\n  acquisition: logei\n  parameters: {x: [1, 2]}\n",
             "s.yaml:6:16: sweep.acquisition goes with bayes only, not with tpe"},
        Slip{"unknown_acquisition",
             std::string(kX) + "  acquisition: logie\n  parameters: {x: [1, 2]}\n",
             "s.yaml:5:16: sweep.acquisition is \"logie\", expected one of logei, thompson; did "
             "you mean \"logei\"?"},
        Slip{"grid_without_points", "  method: grid\n  parameters:\n    x: {min: 0, max: 1}\n",
             "s.yaml:5:8: sweep.parameters.x has no step, but a grid needs its points; give it a "
             "step, or list its values as choices"},
        Slip{"duplicate_text", std::string(kX) + "  parameters: {x: [1, \"1\"]}\n",
             "s.yaml:5:23: sweep.parameters.x.choices.1 repeats 1, as a program is given the same "
             "text for both; name each choice once"},
        Slip{"unknown_key", std::string(kX) + "  paralel: 3\n  parameters: {x: [1, 2]}\n",
             "s.yaml:5:3: unknown key \"paralel\" in sweep; did you mean \"parallel\"?"},
        Slip{
            "conditional_without_base",
            std::string(kX) + "  parameters: {y: [1, 2], x: {min: 0, max: 1, when: {y: 1}}}\n"
                              "params: {y: 1}\n",
            "s.yaml:5:27: the command has ${x}, but x is not there in every trial; give it a value "
            "for the others in params"}),
    [](const auto& slip) { return slip.param.name; });

TEST(SpecSweep, AKeyIsFoundWhereItStands) {
  const std::string text = "command: p\nsweep:\n  parameters: {x: [1], kind: [a]}\n";
  EXPECT_EQ(place_in_spec(text, "s.yaml", {"sweep", "parameters", "kind"}), "s.yaml:3:24");
  EXPECT_EQ(place_in_spec(text, "s.yaml", {"sweep", "parameters", "y"}), "s.yaml");
  EXPECT_EQ(place_in_spec(text, "s.yaml", {"command", "x"}), "s.yaml");
  EXPECT_EQ(place_in_spec("{", "s.yaml", {"sweep"}), "s.yaml");
}

TEST(SpecSweep, AnythingIsReferredToByNameOrVariable) {
  std::string sweep = "sweep: {method: grid, parameters: {x-y: [1, 2]}}\n";
  EXPECT_EQ(error_of("command: p $BATON_PARAM_X_Y\n" + sweep), "");
  EXPECT_EQ(error_of("command: p\nparams: {x-y: 3}\n" + sweep), "");
  EXPECT_EQ(error_of("command: p\ncode: .\n" + sweep), "");  // the code is looked at later
}

}  // namespace
}  // namespace baton
