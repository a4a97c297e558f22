#include "control/sweep_value.h"

#include <gtest/gtest.h>

#include "ledger/ledger_test_support.h"
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

TEST(TrialValue, SaysWhatWasReportedInPlaceOfANumber) {
  const SweepSpec spec = spec_for_loss();
  auto problem = [&](const std::string& lines) {
    TrialValue found = trial_value(lines, spec);
    EXPECT_TRUE(found.unknown) << lines;
    return found.problem;
  };
  EXPECT_EQ(problem("{\"loss\": \"abc\"}\n"),
            "loss was reported as \"abc\", and only numbers count");
  EXPECT_EQ(problem("{\"other\": 1, \"loss\": true}\n"),
            "loss was reported as true, and only numbers count");
  EXPECT_EQ(problem("loss=3\n{'loss': 3}\n"),
            "no metric \"loss\" was reported; a line in the metrics file is no JSON object: loss=3 "
            "(docs/program-contract.md tells how)");
  EXPECT_EQ(problem("{\"los\": 1}\nloss=3\n"),
            "no metric \"loss\" was reported; there are: los; did you mean \"los\"?")
      << "the name is what is wrong";
  EXPECT_LT(problem("{\"loss\": \"" + std::string(10'000, 'x') + "\"}\n").size(), 150U);
}

TEST(TrialValue, IsTheLastReportOrTheBest) {
  const std::string lines = "{\"loss\": 0.5}\n{\"loss\": 0.1}\n{\"loss\": 0.3}\n";
  SweepSpec spec = spec_for_loss();
  EXPECT_EQ(trial_value(lines, spec).value, 0.3);
  spec.best = true;
  EXPECT_EQ(trial_value(lines, spec).value, 0.1);
  spec.maximize = true;
  EXPECT_EQ(trial_value(lines, spec).value, 0.5);
}

const char* kRows =
    "{\"step\": 2, \"loss\": 0.5}\n"
    "{\"loss\": 0.4}\n"
    "\n"
    "broken\n"
    "{\"step\": 1, \"loss\": 9}\n"
    "{\"step\": 3, \"loss\": 9}\n"
    "{\"step\": 5, \"loss\": NaN}\n"
    "{\"loss\": 0.3, \"other\": 1}\n"
    "{\"step\": 7, \"other\": 1}\n"
    "{\"step\": 9, \"loss\": 0.2}";

TEST(Reports, AreTheSameWhereverALookCutsTheLines) {
  const std::string rows = kRows;
  const std::vector<std::pair<int64_t, double>> all = {{2, 0.5}, {3, 0.4}, {6, 0.3}, {9, 0.2}};
  EXPECT_EQ(new_reports(rows, "loss", INT64_MIN), all);
  EXPECT_EQ(new_reports(rows, "loss", 3), decltype(all)(all.begin() + 2, all.end()));
  for (size_t cut = 0; cut <= rows.size(); ++cut) {
    ReportScanner scanner("loss");
    scanner.read_on(rows.substr(0, cut));
    scanner.read_on(rows);
    scanner.read_on(rows + "\n");
    EXPECT_EQ(decltype(all)(scanner.reports().begin(), scanner.reports().end()), all) << cut;
  }
}

TEST(Reports, WhatWasReadIsNotParsedAgain) {
  ReportScanner scanner("loss");
  std::string rows = "{\"step\": 1, \"loss\": 0.5}\n";
  scanner.read_on(rows);
  scanner.drop(1);
  EXPECT_TRUE(scanner.reports().empty());
  rows.assign(rows.size() - 1, 'x');
  scanner.read_on(rows + "\n{\"loss\": 0.4}\n");
  ASSERT_EQ(scanner.reports().size(), 1u);
  EXPECT_EQ(scanner.reports()[0], (std::pair<int64_t, double>(2, 0.4)));
}

using TrialReporting = LedgerTest;

TEST_F(TrialReporting, AnAttemptThatGoesOnFromBeforeRewritesTheEnd) {
  submit(kJob);
  History own = open();
  ASSERT_TRUE(claim(own, agent("a"), 1, 0, false).ok());
  const std::string first = "{\"loss\": 0.5}\n", torn = "{\"loss\": 0.4}\n{\"loss\": 0.3}\n{\"lo";
  ASSERT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 0, first + torn).ok());
  TrialReports reports;
  ASSERT_TRUE(reports.read_on(ledger_, own).ok());
  ASSERT_EQ(reports.news("loss", INT64_MIN).size(), 3u);
  // Nothing is lost of what was not recorded yet.
  EXPECT_EQ(reports.news("loss", 0).size(), 2u);
  ASSERT_TRUE(claim(own, agent("b"), 2, first.size(), true).ok());
  const std::string again = "{\"loss\": 0.45}\n{\"loss\": 0.35}\n{\"loss\": 0.25}\n";
  ASSERT_TRUE(ledger_.append_stream(kJob, "metrics", 2, first.size(), again).ok());
  ASSERT_TRUE(reports.read_on(ledger_, own).ok());
  const auto& news = reports.news("loss", 1);
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[0], (std::pair<int64_t, double>(2, 0.35)));
  EXPECT_EQ(news[1], (std::pair<int64_t, double>(3, 0.25)));
}

}  // namespace
}  // namespace baton
