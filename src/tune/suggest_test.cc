#include "tune/suggest.h"

#include <gtest/gtest.h>

#include "tune/testing.h"

namespace baton {
namespace {

const char* kInit =
    R"({"op":"init","seed":1,"method":"random","parameters":{"x":{"min":0,"max":1},"kind":["a","b"]}})";

class Conversation : public testing::Test {
 protected:
  Json say(const std::string& line) { return *parse_json(suggester_.answer(line), "answer"); }
  std::string error(const std::string& line) { return get_string(say(line), "error"); }
  Suggester suggester_;
};

TEST_F(Conversation, AsksAndTells) {
  EXPECT_EQ(suggester_.answer(kInit), R"({"ok":true})");
  Json first = say(R"({"op":"ask"})"), second = say(R"({"op":"ask"})");
  EXPECT_EQ(first["id"], 1);
  EXPECT_EQ(second["id"], 2);
  EXPECT_TRUE(first["params"]["x"].is_number_float());
  EXPECT_EQ(say(R"({"op":"pending"})")["pending"].size(), 2u);
  EXPECT_EQ(suggester_.answer(R"({"op":"tell","id":2,"value":0.25})"), R"({"ok":true})");
  EXPECT_EQ(suggester_.answer(R"({"op":"tell","id":1,"failed":true})"), R"({"ok":true})");
  EXPECT_EQ(say(R"({"op":"best"})"),
            (Json{{"id", 2}, {"params", second["params"]}, {"value", 0.25}}));
  EXPECT_EQ(suggester_.answer(R"({"op":"add","params":{"x":0.5,"kind":"b"},"value":-1})"),
            R"({"ok":true})");
  EXPECT_EQ(say(R"({"op":"best"})")["value"], -1);
}

TEST_F(Conversation, IsGivenVerdicts) {
  say(R"({"op":"init","method":"asha","max_step":9,"parameters":{"x":{"min":0,"max":1}}})");
  EXPECT_EQ(say(R"({"op":"ask"})")["until"], 1);
  EXPECT_EQ(suggester_.answer(R"({"op":"report","id":1,"step":1,"value":3})"),
            R"({"ok":true,"verdict":"pause"})");
  say(R"({"op":"init","method":"pbt","max_step":2,"parameters":{"x":{"min":0,"max":1}}})");
}

TEST_F(Conversation, StopsEarly) {
  say(R"({"op":"init","method":"random","stop_early":{"after":1,"grace":0},"parameters":{"x":{"min":0,"max":1}}})");
  say(R"({"op":"ask"})");
  say(R"({"op":"ask"})");
  EXPECT_EQ(say(R"({"op":"report","id":1,"step":1,"value":3})")["verdict"], "go_on");
  EXPECT_EQ(say(R"({"op":"report","id":2,"step":1,"value":4})")["verdict"], "stop");
}

TEST_F(Conversation, AStoppedTrialIsWorthItsBestReportOrWhatIsTold) {
  say(R"({"op":"init","method":"asha","max_step":2,"min_step":2,"best":true,"parameters":{"x":{"min":0,"max":1}}})");
  say(R"({"op":"ask"})");
  say(R"({"op":"report","id":1,"step":1,"value":3})");
  EXPECT_EQ(say(R"({"op":"report","id":1,"step":2,"value":4})")["verdict"], "stop");
  EXPECT_EQ(say(R"({"op":"best"})")["value"], 3);
  EXPECT_EQ(suggester_.answer(R"({"op":"tell","id":1,"value":2})"), R"({"ok":true})");
  EXPECT_EQ(say(R"({"op":"best"})")["value"], 2);
  EXPECT_EQ(error(R"({"op":"tell","id":1,"value":1})"),
            "trial 1 is already closed; each trial is closed once");
}

TEST_F(Conversation, TellsWhenNothingIsLeftAndWhenToWait) {
  say(R"({"op":"init","method":"grid","parameters":{"x":[1]}})");
  say(R"({"op":"ask"})");
  EXPECT_EQ(say(R"({"op":"ask"})")["finished"], true);
  Suggester other;
  other.answer(R"({"op":"init","method":"asha","max_step":4,"trials":1,"parameters":{"x":[1,2]}})");
  other.answer(R"({"op":"ask"})");
  Json reply = *parse_json(other.answer(R"({"op":"ask"})"), "answer");
  EXPECT_EQ(reply["wait"], true);
  EXPECT_TRUE(reply.contains("error"));
}

TEST_F(Conversation, GoesOnFromASavedState) {
  say(kInit);
  for (int i = 0; i < 5; ++i) say(R"({"op":"ask"})");
  say(R"({"op":"tell","id":3,"value":0.5})");
  Json state = say(R"({"op":"save"})")["state"];
  Suggester other;
  EXPECT_EQ(other.answer(dump_json({{"op", "load"}, {"state", state}})), R"({"ok":true})");
  for (const char* line :
       {R"({"op":"ask"})", R"({"op":"pending"})", R"({"op":"best"})", R"({"op":"save"})"})
    EXPECT_EQ(other.answer(line), suggester_.answer(line));
}

TEST_F(Conversation, LoadTakesLongerLinesThanOtherOperations) {
  say(kInit);
  const std::string state = dump_json(say(R"({"op":"save"})")["state"]);
  const std::string blanks(kMaxSuggestRequest, ' ');
  Suggester other;
  EXPECT_EQ(other.answer(R"({"state":)" + state + blanks + R"(,"op":"load"})"), R"({"ok":true})");
  const std::string refused = R"({"error":"the line is longer than 64 MiB"})";
  EXPECT_EQ(other.answer(R"({"op":"ask")" + blanks + "}"), refused);
  EXPECT_EQ(other.answer(R"({"op":"ask","load":"load")" + blanks + "}"), refused);
}

TEST_F(Conversation, SaveAnswersNoStateThatLoadWouldRefuse) {
  Suggester small(400);
  small.answer(kInit);
  for (const char* line : {R"({"op":"save"})", R"({"op":"ask"})", R"({"op":"ask"})"})
    EXPECT_EQ(small.answer(line).find("error"), std::string::npos);
  const std::string refused = R"({"error":"the state takes 0 MiB, and load takes 0 at most; )"
                              R"(begin another search, and add to it the trials that matter"})";
  EXPECT_EQ(small.answer(R"({"op":"save"})"), refused);
}

TEST_F(Conversation, GoesOnWhereAConditionAsksForZero) {
  say(R"({"op":"init","method":"grid","parameters":{"x":{"min":-0.3,"max":0.3,"step":0.1},
          "y":{"choices":[1,2],"when":{"x":0}}}})");
  int with_y = 0;
  for (int i = 0; i < 8; ++i) {
    Json params = say(R"({"op":"ask"})")["params"];
    EXPECT_EQ(params.contains("y"), params["x"] == 0) << dump_json(params);
    with_y += params.contains("y");
  }
  EXPECT_EQ(with_y, 2);
  Suggester other;
  EXPECT_EQ(other.answer(dump_json({{"op", "load"}, {"state", say(R"({"op":"save"})")["state"]}})),
            R"({"ok":true})");
}

TEST_F(Conversation, WhatIsLongIsNotRepeatedInFull) {
  say(kInit);
  say(R"({"op":"ask"})");
  const std::string name(5000, 'x');
  for (const Json& line : {Json{{"op", name}}, Json{{"op", "tell"}, {"id", 1}, {name, 1}},
                           Json{{"op", "add"}, {"params", {{name, 1}}}, {"value", 1}}}) {
    const std::string said = error(dump_json(line));
    EXPECT_NE(said.find("xxx…"), std::string::npos) << said.substr(0, 200);
    EXPECT_LE(said.size(), 200u);
  }
  Suggester other;
  for (const char* key : {"method", "acquisition", "goal"}) {
    const Json init{{"op", "init"}, {key, name}, {"parameters", {{"x", {1, 2}}}}};
    EXPECT_LE(other.answer(dump_json(init)).size(), 250u) << key;
  }
  const Json init{{"op", "init"}, {"parameters", {{name + " ", {1, 2}}}}};
  EXPECT_LE(other.answer(dump_json(init)).size(), 250u);
}

TEST_F(Conversation, WhatIsForgottenUsesUpNoneOfThePlan) {
  for (const char* method : {"pbt", "asha", "hyperband"}) {
    Suggester one;
    one.answer(dump_json({{"op", "init"},
                          {"method", method},
                          {"max_step", 3},
                          {"trials", 4},
                          {"parallel", 4},
                          {"parameters", {{"x", {{"min", 0}, {"max", 1}}}}}}));
    auto say = [&one](const Json& line) { return *parse_json(one.answer(dump_json(line)), "it"); };
    int id = 1;
    for (; id <= 4; ++id) {
      ASSERT_EQ(say({{"op", "ask"}})["id"], id) << method;
      ASSERT_EQ(say({{"op", "forget"}, {"id", id}})["ok"], true) << method;
    }
    const Json state = say({{"op", "save"}})["state"];
    Suggester loaded;
    loaded.answer(dump_json({{"op", "load"}, {"state", state}}));
    for (; id <= 8; ++id) {
      const std::string asked = one.answer(R"({"op":"ask"})");
      ASSERT_EQ((*parse_json(asked, "it"))["id"], id) << method << ": " << asked;
      EXPECT_EQ(loaded.answer(R"({"op":"ask"})"), asked) << method;
    }
    EXPECT_EQ(say({{"op", "ask"}})["wait"], true) << method;
    // What had come to its end before it was taken back, too.
    ASSERT_EQ(say({{"op", "report"}, {"id", 8}, {"step", 3}, {"value", 1}})["verdict"], "stop");
    ASSERT_EQ(say({{"op", "forget"}, {"id", 8}})["ok"], true) << method;
    EXPECT_EQ(say({{"op", "ask"}})["id"], 9) << method;
  }
}

TEST_F(Conversation, ExplainsImportance) {
  say(kInit);
  EXPECT_EQ(suggester_.answer(R"({"op":"importance"})"), R"({"importance":[]})");
  for (int i = 1; i <= 20; ++i) {
    Json trial = say(R"({"op":"ask"})");
    say(dump_json({{"op", "tell"}, {"id", i}, {"value", trial["params"]["x"]}}));
  }
  Json importance = say(R"({"op":"importance"})")["importance"];
  ASSERT_EQ(importance.size(), 2u);
  EXPECT_EQ(importance[0]["name"], "x");
  EXPECT_GT(importance[0]["share"].get<double>(), 0.8);
}

TEST_F(Conversation, BadLinesAreAnsweredAndChangeNothing) {
  EXPECT_EQ(error(R"({"op":"ask"})"), "ask comes before init; begin with init or load");
  say(kInit);
  for (int i = 0; i < 3; ++i) say(R"({"op":"ask"})");
  EXPECT_EQ(error(R"({"op":"best"})"), "there is no best trial yet; tell a value first");
  say(R"({"op":"tell","id":2,"value":0.5})");
  say(R"({"op":"tell","id":3,"failed":true})");
  const std::string before = suggester_.answer(R"({"op":"save"})");
  const std::pair<const char*, const char*> kLines[] = {
      {"", "the line is not valid JSON"},
      {"{\"op\":", "the line is not valid JSON"},
      {"[]", "the line is not a JSON object"},
      {"{}", R"("op" is missing; as in {"op":"ask"})"},
      {R"({"op":"tel","id":1})", R"(there is no operation "tel"; did you mean "tell"?)"},
      {R"({"op":"ask","id":1})", R"(ask takes no member "id"; known are op)"},
      {R"({"op":"tell"})", R"("id" is missing)"},
      {R"({"op":"tell","id":"1","value":1})", R"("id" is not a whole number from 1 on)"},
      {R"({"op":"tell","id":-1,"value":1})", R"("id" is not a whole number from 1 on)"},
      {R"({"op":"tell","id":1.5,"value":1})", R"("id" is not a whole number from 1 on)"},
      {R"({"op":"tell","id":18446744073709551615,"value":1})",
       R"("id" is too large, expected at most 2^63 - 1)"},
      {R"({"op":"tell","id":1})", R"("value" is missing)"},
      {R"({"op":"tell","id":1,"value":null})",
       R"("value" is not a number; where there is none, say "failed": true)"},
      {R"({"op":"tell","id":1,"value":NaN})", "the line is not valid JSON"},
      {R"({"op":"tell","id":1,"valu":2})", R"(tell takes no member "valu"; did you mean "value"?)"},
      {R"({"op":"tell","id":1,"value":2,"failed":true})",
       R"(a failed trial has no value; leave "value" or "failed" out)"},
      {R"({"op":"tell","id":1,"failed":1})", R"("failed" is not true or false)"},
      {R"({"op":"tell","id":7,"value":1})",
       "there is no trial 7; use an id that an earlier ask has given"},
      {R"({"op":"report","id":1,"step":0,"value":1})", R"("step" is not a whole number from 1 on)"},
      {R"({"op":"report","id":1,"step":18446744073709551615,"value":1})",
       R"("step" is too large, expected at most 2^63 - 1)"},
      {R"({"op":"report","id":1,"step":1,"value":null})",
       R"("value" is not a number; leave a report without one out)"},
      {R"({"op":"add","params":{"x":2,"kind":"a"},"value":1})",
       "parameter x is 2, expected a number from 0 to 1"},
      {R"({"op":"add","params":{"x":0.5,"kind":"c"},"value":1})",
       R"(parameter kind is "c", expected one of "a", "b")"},
      {R"({"op":"add","params":{"x":0.5},"value":1})",
       R"(parameter kind is missing, expected one of "a", "b")"},
      {R"({"op":"add","params":{"x":0.5,"kind":"a","knd":1},"value":1})",
       R"(there is no parameter knd; did you mean "kind"?)"},
      {R"({"op":"add","params":{"x":0.5,"kind":"a"}})", R"("value" is missing)"},
      {R"({"op":"add","params":{"x":0.5,"kind":"a"},"failed":true})",
       R"(add takes no member "failed"; known are op, params, value)"},
      {R"({"op":"add","params":7,"value":1})", R"("params" is missing or not an object)"},
      {R"({"op":"tell","id":2,"value":1})", "trial 2 is already closed; each trial is closed once"},
      {R"({"op":"tell","id":2,"failed":true})",
       "trial 2 is already closed; each trial is closed once"},
      {R"({"op":"tell","id":3,"value":1})",
       "trial 3 has already failed; each trial is closed once"},
      {R"({"op":"tell","id":3,"failed":true})",
       "trial 3 has already failed; each trial is closed once"},
      {R"({"op":"forget","id":9})", "there is no trial 9; use an id that an earlier ask has given"},
      {R"({"op":"load","state":{}})", "load comes after init; load instead of init"},
  };
  for (const auto& [line, message] : kLines) EXPECT_EQ(error(line), message) << line;
  EXPECT_EQ(error(kInit),
            "init was there already; start another `baton suggest` for another search");
  EXPECT_EQ(suggester_.answer(R"({"op":"save"})"), before);
}

TEST_F(Conversation, BadBeginningsCanBeMended) {
  const std::pair<const char*, const char*> kLines[] = {
      {R"({"op":"init","method":"random"})",
       R"("parameters" is missing; as in {"x": {"min": 0, "max": 1}})"},
      {R"({"op":"init","method":"rndom","parameters":{"x":[1]}})",
       R"(unknown method "rndom"; did you mean random?)"},
      {R"({"op":"init","method":7,"parameters":{"x":[1]}})", R"("method" is not text)"},
      {R"({"op":"init","method":"random","best":1,"parameters":{"x":[1]}})",
       R"("best" is not true or false)"},
      {R"({"op":"init","seed":-1,"parameters":{"x":[1]}})",
       R"("seed" is not a whole number from 0 on)"},
      {R"({"op":"init","sed":1,"parameters":{"x":[1]}})",
       R"(init takes no member "sed"; did you mean "seed"?)"},
      {R"({"op":"init","method":"random","stop_early":{"after":0},"parameters":{"x":[1]}})",
       R"("after" is not a whole number from 1 on)"},
      {R"({"op":"init","method":"random","stop_early":{"after":1000001},"parameters":{"x":[1]}})",
       "stop_early: after must be from 1 to 1000000"},
      {R"({"op":"init","parameters":{"x":{"min":1e-200,"max":1,"step":0.1,"scale":"log"}}})",
       "x.min is 1e-200, too small for a logarithmic scale in steps of 0.1; take a larger min, or "
       "leave step out"},
      {R"({"op":"init","method":"random","parameters":{"x":{"min":1,"max":0}}})",
       "x.max is 0, expected more than min, which is 1"},
      {R"({"op":"init","method":"random","max_step":9,"parameters":{"x":[1]}})",
       "max_step goes with asha, hyperband and pbt only, not with random"},
      {R"({"op":"init","method":"bayes","reduction":3,"parameters":{"x":[1]}})",
       "reduction goes with asha, hyperband and pbt only, not with bayes"},
      {R"({"op":"init","method":"tpe","acquisition":"logei","parameters":{"x":[1]}})",
       "acquisition goes with bayes only, not with tpe"},
      {R"({"op":"init","method":"asha","max_step":9,"stop_early":{},"parameters":{"x":[1]}})",
       "stop_early does not go with the method asha, which stops trials by itself"},
      {R"({"op":"init","method":"asha","parameters":{"x":[1]}})",
       "max_step is missing, but asha needs to know at which reported step a trial is complete"},
      {R"({"op":"init","method":"pbt","max_step":2,"min_step":3,"parameters":{"x":[1]}})",
       "min_step is 3, expected at most max_step, which is 2"},
      {R"({"op":"init","parameters":{"x":[true,"true"]}})",
       "x.choices.1 repeats true, as a program is given the same text for both; name each choice "
       "once"},
      {R"({"op":"load","state":7})", "this is not a saved tuner; load exactly what save wrote"},
      {R"({"op":"load"})", R"("state" is missing; give the state that save has answered)"},
  };
  for (const auto& [line, message] : kLines) EXPECT_EQ(error(line), message) << line;
  EXPECT_EQ(suggester_.answer(kInit), R"({"ok":true})");
}

}  // namespace
}  // namespace baton
