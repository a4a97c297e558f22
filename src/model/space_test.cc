#include "model/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Json json(const std::string& text) { return *parse_json(text, "test"); }

Space space_of(const std::string& text) {
  auto space = space_from_json(json(text));
  EXPECT_TRUE(space.ok()) << space.error().message;
  return space.ok() ? *space : Space{};
}

Params params_of(const std::string& text) {
  Params params;
  Json object = json(text);
  for (const auto& [name, value] : object.items()) params.emplace_back(name, value);
  return params;
}

const char* kMixed = R"({
  "lr": {"min": 1e-5, "max": 0.1, "scale": "log"},
  "width": {"min": 16, "max": 256, "type": "int", "step": 16},
  "optimizer": ["sgd", "adam", "adamw"],
  "momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": "sgd"}},
  "nesterov": {"choices": [true, false], "when": {"optimizer": "sgd", "momentum_kind": ["a", "b"]}},
  "momentum_kind": {"choices": ["a", "b", 3], "when": {"optimizer": ["sgd", "adam"]}}
})";

TEST(Space, IsReadWithAllItsKinds) {
  Space space = space_of(kMixed);
  ASSERT_EQ(space.dimensions.size(), 6u);
  EXPECT_TRUE(space.dimensions[0].log);
  EXPECT_EQ(space.dimensions[0].max, 0.1);
  EXPECT_EQ(space.dimensions[1].kind, Dimension::Kind::integer);
  EXPECT_EQ(space.dimensions[1].step, 16);
  EXPECT_EQ(space.dimensions[2].kind, Dimension::Kind::category);
  EXPECT_THAT(space.dimensions[2].choices, ElementsAre("sgd", "adam", "adamw"));
  EXPECT_EQ(space.dimensions[3].when[0].first, "optimizer");
  EXPECT_THAT(space.dimensions[4].when[1].second, ElementsAre("a", "b"));
}

TEST(Space, IsWrittenAsItIsRead) {
  Json once = space_to_json(space_of(kMixed));
  EXPECT_EQ(space_to_json(*space_from_json(once)), once);
  EXPECT_EQ(once["width"], json(R"({"min":16,"max":256,"type":"int","step":16})"));
  EXPECT_EQ(once["lr"]["scale"], "log");
  EXPECT_EQ(once["nesterov"]["when"]["momentum_kind"], json(R"(["a","b"])"));
}

struct Slip {
  const char* space;
  const char* message;
  std::vector<std::string> path;
};

class SpaceErrors : public testing::TestWithParam<Slip> {};

TEST_P(SpaceErrors, AreOneSentenceWithTheirPlace) {
  Space space;
  auto problems = read_space(json(GetParam().space), space);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message, GetParam().message);
  EXPECT_EQ(problems[0].path, GetParam().path);
}

INSTANTIATE_TEST_SUITE_P(
    Shape, SpaceErrors,
    testing::Values(
        Slip{"{}", "there are no parameters to search over", {}},
        Slip{"[]", "the parameters are a list, expected an object with one member each", {}},
        Slip{R"({"x": 0.1})", "x is 0.1, expected {min: …, max: …} or a list of choices", {"x"}},
        Slip{R"({"x": {"min": 0}})",
             "x has no max, expected {min: …, max: …} or a list of choices",
             {"x"}},
        Slip{R"({"x": {"min": 0, "mx": 2, "max": 1}})",
             "x has an unknown member \"mx\"; did you mean \"max\"?",
             {"x", "mx"}},
        Slip{R"({"x": {"min": 0, "zzzzz": 2, "max": 1}})",
             "x has an unknown member \"zzzzz\"; a parameter takes min, max, type, scale, step, "
             "choices, when",
             {"x", "zzzzz"}},
        Slip{R"({"x": {"min": "0", "max": 1}})", "x.min is \"0\", expected a number", {"x", "min"}},
        Slip{R"({"x": {"min": 0, "max": 1, "type": "Int"}})",
             "x.type is \"Int\", expected real or int; did you mean \"int\"?",
             {"x", "type"}},
        Slip{R"({"x": {"min": 1, "max": 2, "scale": 3}})",
             "x.scale is 3, expected linear or log",
             {"x", "scale"}},
        Slip{R"({"x": {"min": 1, "choices": [2]}})",
             "x.choices stands beside min or max; a parameter has one or the other",
             {"x", "choices"}},
        Slip{R"({"x": {"step": 1, "choices": [2]}})",
             "x.step does not go with choices",
             {"x", "step"}},
        Slip{R"({"x": {"choices": 2}})", "x.choices is 2, expected a list", {"x", "choices"}},
        Slip{R"({"x": {"min": 0, "max": 1, "when": "y"}})",
             "x.when is \"y\", expected {PARAMETER: value}",
             {"x", "when"}},
        Slip{R"({"a b": [1]})",
             "\"a b\" cannot be a parameter's name; use letters, digits and _ - .",
             {"a b"}}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, SpaceErrors,
    testing::Values(
        Slip{R"({"x": {"min": 2, "max": 1}})",
             "x.max is 1, expected more than min, which is 2",
             {"x", "max"}},
        Slip{R"({"x": {"min": 1, "max": 1}})",
             "x.max is 1, expected more than min, which is 1",
             {"x", "max"}},
        Slip{R"({"x": {"min": 0, "max": 1, "scale": "log"}})",
             "x.min is 0, but a logarithmic scale needs more than 0",
             {"x", "min"}},
        Slip{R"({"x": {"min": 1e-200, "max": 1, "step": 0.1, "scale": "log"}})",
             "x.min is 1e-200, too small for a logarithmic scale in steps of 0.1; take a larger "
             "min, or leave step out",
             {"x", "min"}},
        Slip{
            R"({"x": {"min": 1e15, "max": 1000000000000000.125, "scale": "log"}})",
            "x.max is 1000000000000000.1, too near to min for a logarithmic scale; leave scale out",
            {"x", "max"}},
        Slip{
            R"({"x": {"min": 9007199254740991, "max": 9007199254740992, "type": "int", "scale": "log"}})",
            "x.max is 9007199254740992, too near to min for a logarithmic scale; leave scale out",
            {"x", "max"}},
        Slip{
            R"({"x": {"min": 1000000000000000, "max": 1000000000001000, "type": "int", "scale": "log"}})",
            "x.max is 1000000000001000, too near to min for a logarithmic scale; leave scale out",
            {"x", "max"}},
        Slip{R"({"x": {"min": 0, "max": 1.5, "type": "int"}})",
             "x.max is 1.5, but type int needs a whole number",
             {"x", "max"}},
        Slip{R"({"x": {"min": 0, "max": 1e300, "type": "int"}})",
             "x.max is 1e+300, but type int goes up to 2^53 only",
             {"x", "max"}},
        Slip{R"({"x": {"min": -9007199254740992, "max": 4531, "type": "int"}})",
             "x.max and min are too far apart, type int goes over 2^53 values at most",
             {"x", "max"}},
        Slip{R"({"x": {"min": 0, "max": 1, "step": 1e-10}})",
             "x.step is 1e-10, too small for this range",
             {"x", "step"}},
        Slip{R"({"x": {"min": -1.5e308, "max": 1.5e308}})",
             "x.max and min are too far apart",
             {"x", "max"}},
        Slip{R"({"x": {"min": 0, "max": 1, "step": -1}})",
             "x.step is -1, expected a positive number",
             {"x", "step"}},
        Slip{R"({"x": {"min": 0, "max": 1, "step": 0}})",
             "x.step is 0, expected a positive number",
             {"x", "step"}},
        Slip{R"({"x": {"min": 0, "max": 1, "step": 2}})",
             "x.step is 2, more than the range from min to max, which is 1",
             {"x", "step"}},
        Slip{R"({"x": {"min": 0, "max": 1, "step": 1e-17}})",
             "x.step is 1e-17, too small for this range",
             {"x", "step"}},
        Slip{R"({"x": []})", "x.choices is empty, expected at least one choice", {"x", "choices"}},
        Slip{R"({"x": [1, 2, 1.0]})",
             "x.choices.2 repeats 1.0; name each choice once",
             {"x", "choices", "2"}},
        Slip{R"({"x": ["a", "b", "a"]})",
             "x.choices.2 repeats \"a\"; name each choice once",
             {"x", "choices", "2"}},
        Slip{R"({"x": [1, "1"]})",
             "x.choices.1 repeats 1, as a program is given the same text for both; name each "
             "choice once",
             {"x", "choices", "1"}},
        Slip{R"({"x": ["true", 0.5, true]})",
             "x.choices.2 repeats \"true\", as a program is given the same text for both; name "
             "each choice once",
             {"x", "choices", "2"}},
        Slip{R"({"x": ["a", ["b"]]})",
             "x.choices.1 is a list, expected text, a number, true or false",
             {"x", "choices", "1"}}));

INSTANTIATE_TEST_SUITE_P(
    Conditions, SpaceErrors,
    testing::Values(
        Slip{R"({"optimizer": ["sgd"], "m": {"min": 0, "max": 1, "when": {"optimiser": "sgd"}}})",
             "m.when.optimiser names no parameter; did you mean \"optimizer\"?",
             {"m", "when", "optimiser"}},
        Slip{R"({"o": ["sgd", "adam"], "m": {"min": 0, "max": 1, "when": {"o": ["adma"]}}})",
             "m.when.o is \"adma\", but o is one of \"sgd\", \"adam\"; did you mean \"adam\"?",
             {"m", "when", "o"}},
        Slip{
            R"({"o": {"min": 0, "max": 9, "type": "int", "step": 3}, "m": {"choices": [1], "when": {"o": 4}}})",
            "m.when.o is 4, but o is a whole number from 0 to 9 in steps of 3",
            {"m", "when", "o"}},
        Slip{R"({"o": {"min": 0, "max": 9}, "m": {"choices": [1], "when": {"o": 4}}})",
             "m.when.o is a real number without step, which no condition can be sure to meet",
             {"m", "when", "o"}},
        Slip{R"({"o": [1], "m": {"choices": [1], "when": {"o": []}}})",
             "m.when.o is empty, expected a value or a list of values",
             {"m", "when", "o"}},
        Slip{R"({"z": {"choices": [1], "when": {"a": 1}}, "a": {"choices": [1], "when": {"b": 1}},
                 "b": {"choices": [1], "when": {"c": 1}}, "c": {"choices": [1], "when": {"a": 1}}})",
             "a.when leads back to itself: a → b → c → a",
             {"a", "when"}},
        Slip{R"({"a": {"choices": [1], "when": {"a": 1}}})",
             "a.when leads back to itself: a → a",
             {"a", "when"}}));

TEST(Space, TellsAllMistakesAtOnce) {
  Space space;
  auto problems = read_space(
      json(R"({"x": {"min": "a", "max": 1, "typo": 1}, "y": 7, "z": {"min": 0}})"), space);
  EXPECT_EQ(problems.size(), 4u);
  EXPECT_EQ(space_from_json(json(R"({"x": 7})")).error().code, Code::invalid);
}

TEST(Space, MadeByHandIsCheckedToo) {
  Space space;
  space.dimensions.resize(2);
  for (auto& dimension : space.dimensions) dimension.name = "x", dimension.max = 1;
  EXPECT_EQ(check_space(space).error().message, "x stands there twice");
}

TEST(SpaceParams, FitExactly) {
  Space space = space_of(kMixed);
  auto error = [&](const std::string& text) {
    auto status = check_params(space, params_of(text));
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(error(R"({"lr":0.01,"width":32,"optimizer":"adamw"})"), "");
  EXPECT_EQ(error(R"({"lr":0.01,"width":32,"optimizer":"adam","momentum_kind":3})"), "");
  EXPECT_EQ(
      error(
          R"({"lr":0.01,"width":32,"optimizer":"sgd","momentum_kind":"a","momentum":0.9,"nesterov":true})"),
      "");
  EXPECT_EQ(error(R"({"lr":0.01,"width":32,"optimizer":"adam"})"),
            "parameter momentum_kind is missing, expected one of \"a\", \"b\", 3");
  EXPECT_EQ(error(R"({"lr":0.01,"width":32,"optimizer":"adamw","momentum":0.6})"),
            "parameter momentum is given, but is not used with these values");
  EXPECT_EQ(error(R"({"lr":0.01,"width":33,"optimizer":"adamw"})"),
            "parameter width is 33, expected a whole number from 16 to 256 in steps of 16");
  EXPECT_EQ(error(R"({"lr":1,"width":32,"optimizer":"adamw"})"),
            "parameter lr is 1, expected a number from 1e-05 to 0.1");
  EXPECT_EQ(error(R"({"lr":"1","width":32,"optimizer":"adamw"})"),
            "parameter lr is \"1\", expected a number from 1e-05 to 0.1");
  EXPECT_EQ(error(R"({"lr":0.01,"widht":32,"optimizer":"adamw"})"),
            "there is no parameter widht; did you mean \"width\"?");
  Params twice = params_of(R"({"lr":0.01,"width":32,"optimizer":"adamw"})");
  twice.push_back(twice[0]);
  EXPECT_EQ(check_params(space, twice).error().message, "parameter lr is given twice");
}

TEST(SpaceParams, RoundingIsForgiven) {
  Space space = space_of(
      R"({"x": {"min": 0.1, "max": 0.7, "step": 0.1}, "y": {"choices": [1], "when": {"x": 0.3}}})");
  EXPECT_TRUE(check_params(space, {{"x", 0.1 + 0.1 + 0.1}, {"y", 1}}).ok());
  EXPECT_FALSE(check_params(space, {{"x", 0.35}}).ok());
}

TEST(SpaceParams, StepsMeetZeroAndConditionsOnIt) {
  Space space = space_of(
      R"({"x": {"min": -0.3, "max": 0.3, "step": 0.1}, "y": {"choices": [1], "when": {"x": 0}}})");
  const Json zero = value_at(space.dimensions[0], 3);
  EXPECT_EQ(dump_json(zero), "0.0");
  EXPECT_EQ(dump_json(value_at(space.dimensions[0], 2)), "-0.1");
  EXPECT_TRUE(check_params(space, {{"x", zero}, {"y", 1}}).ok());
  // As it is in older records.
  EXPECT_TRUE(check_params(space, {{"x", 5.55111512313e-17}, {"y", 1}}).ok());
  EXPECT_FALSE(check_params(space, {{"x", 5.55111512313e-17}}).ok());
  EXPECT_FALSE(check_params(space, {{"x", 0.1}, {"y", 1}}).ok());
  EXPECT_EQ(check_params(space, {{"x", "0"}, {"y", 1}}).error().code, Code::invalid);
}

TEST(SpaceParams, ChoicesThatAreNearAreNotTheSame) {
  Space space = space_of(R"({"c": [1.0, 1.0000000001], "y": {"choices": [2], "when": {"c": 1}}})");
  EXPECT_TRUE(check_params(space, {{"c", 1.0}, {"y", 2}}).ok());
  EXPECT_TRUE(check_params(space, {{"c", 1.0000000001}}).ok());
  EXPECT_FALSE(is_used(space, 1, {{"c", 1.0000000001}}));
}

TEST(SpaceParams, ConditionsDecideWhatIsUsed) {
  Space space = space_of(kMixed);
  Params sgd = params_of(R"({"optimizer":"sgd","momentum_kind":3})");
  EXPECT_TRUE(is_used(space, 0, sgd));
  EXPECT_TRUE(is_used(space, 3, sgd));
  EXPECT_FALSE(is_used(space, 4, sgd));  // momentum_kind is neither a nor b
  EXPECT_FALSE(is_used(space, 3, params_of(R"({"optimizer":"adam"})")));
  auto order = condition_order(space);
  auto place = [&](size_t i) { return std::find(order.begin(), order.end(), i) - order.begin(); };
  ASSERT_EQ(order.size(), 6u);
  EXPECT_LT(place(2), place(5));
  EXPECT_LT(place(5), place(4));
}

TEST(SpaceValues, AreCountedAndNamed) {
  Space space = space_of(R"({"a": {"min": 0, "max": 1}, "b": {"min": 0, "max": 1, "step": 0.1},
                             "c": {"min": -2, "max": 7, "type": "int", "step": 4}, "d": ["x", "y"]})");
  const auto& d = space.dimensions;
  EXPECT_EQ(count_values(d[0]), 0u);
  EXPECT_EQ(count_values(d[1]), 11u);
  EXPECT_EQ(dump_json(value_at(d[1], 3)), "0.3");
  EXPECT_EQ(dump_json(value_at(d[1], 10)), "1.0");
  EXPECT_EQ(count_values(d[2]), 3u);
  EXPECT_EQ(dump_json(value_at(d[2], 2)), "6");
  EXPECT_EQ(value_at(d[3], 1), "y");
  EXPECT_EQ(dump_json(standard_value(d[0], 1 + 1e-13)), "1.0");
  EXPECT_EQ(dump_json(standard_value(d[1], 0.30000000000000004)), "0.3");
  EXPECT_EQ(dump_json(standard_value(d[2], 6.0)), "6");
  EXPECT_EQ(standard_value(d[3], "y"), "y");
  EXPECT_TRUE(contains(d[2], 6.0));
  EXPECT_FALSE(contains(d[2], 7));
  EXPECT_FALSE(contains(d[3], 1));
}

TEST(SpaceValues, OfWholeNumbersAreExact) {
  Space space = space_of(R"({"a": {"min": 0, "max": 10000000, "type": "int", "step": 5000000},
                             "b": {"min": 0, "max": 10000000000000, "type": "int"},
                             "c": {"min": -9007199254740991, "max": 0, "type": "int", "step": 2}})");
  const auto& d = space.dimensions;
  EXPECT_TRUE(contains(d[0], 5000000));
  EXPECT_FALSE(contains(d[0], 5000003));
  EXPECT_TRUE(contains(d[1], 10000000000000));
  EXPECT_FALSE(contains(d[1], 10000000000001));
  EXPECT_TRUE(contains(d[2], -9007199254740989));
  EXPECT_FALSE(contains(d[2], -9007199254740990));
}

TEST(SpaceValues, LongOnesAreCutInMessages) {
  std::string text = "é";
  for (int i = 0; i < 7; ++i) text += text;
  Space space = space_of(R"({"a": ["x"]})");
  auto error = check_params(space, {{"a", text}}).error().message;
  EXPECT_THAT(error, HasSubstr("…, expected one of \"x\""));
  EXPECT_LT(error.size(), 120u);
}

}  // namespace
}  // namespace baton
