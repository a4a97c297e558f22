#include "control/sweep_value.h"

#include <gtest/gtest.h>

#include "model/sweep.h"

namespace baton {
namespace {

SweepSpec spec_for_loss() {
  SweepSpec spec;
  spec.metric = "loss";
  return spec;
}

struct NoValue {
  const char* written;
  const char* problem;
};

class ValueThatIsNone : public testing::TestWithParam<NoValue> {};

// What was reported before is no value of a trial that ended without one.
TEST_P(ValueThatIsNone, IsAFailureFirstAndLast) {
  const std::string bad = std::string("{\"step\": 2, \"loss\": ") + GetParam().written + "}\n";
  for (const std::string& lines : {bad, "{\"step\": 1, \"loss\": 0.1}\n" + bad}) {
    TrialValue found = trial_value(lines, spec_for_loss());
    EXPECT_FALSE(found.value) << lines;
    EXPECT_FALSE(found.unknown) << "it was reported: " << lines;
    EXPECT_EQ(found.problem, GetParam().problem);
  }
  EXPECT_TRUE(new_reports(bad, "loss", 0).empty());
  // A line that is being written says nothing yet.
  auto cut = trial_value("{\"step\": 1, \"loss\": 0.1}\n" + bad.substr(0, bad.size() - 2),
                         spec_for_loss());
  EXPECT_EQ(cut.value, 0.1);
}

TEST_P(ValueThatIsNone, LeavesTheBestReportWhereThatCounts) {
  SweepSpec spec = spec_for_loss();
  spec.best = true;
  const std::string bad = std::string("{\"loss\": ") + GetParam().written + "}\n";
  EXPECT_EQ(trial_value("{\"loss\": 0.1}\n{\"loss\": 0.5}\n" + bad, spec).value, 0.1);
  EXPECT_EQ(trial_value(bad, spec).problem, GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, ValueThatIsNone,
    testing::Values(NoValue{"\"NaN\"", "loss is NaN"}, NoValue{"NaN", "loss is NaN"},
                    NoValue{"null", "loss is NaN"}, NoValue{"Infinity", "loss is infinite"},
                    NoValue{"-Infinity", "loss is infinite"},
                    NoValue{"\"-Infinity\"", "loss is infinite"},
                    NoValue{"1e999", "loss is infinite"}, NoValue{"-1e999", "loss is infinite"}));

TEST(TrialValue, IsTheLastReportOrTheBest) {
  const std::string lines = "{\"loss\": 0.5}\n{\"loss\": 0.1}\n{\"loss\": 0.3}\n";
  SweepSpec spec = spec_for_loss();
  EXPECT_EQ(trial_value(lines, spec).value, 0.3);
  spec.best = true;
  EXPECT_EQ(trial_value(lines, spec).value, 0.1);
  spec.maximize = true;
  EXPECT_EQ(trial_value(lines, spec).value, 0.5);
}

}  // namespace
}  // namespace baton
