#include "base/json.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

TEST(Json, KeepsOrderAndTheLastOfWhatIsRepeated) {
  EXPECT_EQ(
      dump_json(*parse_json(R"( {"b": [1, -2, 0.5, {"x": null}], "a": true, "b": "é"} )", "t")),
      R"({"b":"é","a":true})");
  std::string text = "{";
  for (int i = 0; i < 100; ++i)
    text += "\"m" + std::to_string(99 - i) + "\":[" + std::to_string(i) + "],";
  Json many = *parse_json(text + R"("m99":{"in":1},"m0":"last"})", "t");
  ASSERT_EQ(many.size(), 100u);
  EXPECT_EQ(many.begin().key(), "m99");
  EXPECT_EQ(many["m99"]["in"], 1);
  EXPECT_EQ(many["m98"], Json::array({1}));
  EXPECT_EQ(many["m0"], "last");
  EXPECT_EQ((--many.end()).key(), "m0");
}

TEST(Json, IsRefusedWhereItIsNone) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1}x", "{\"a\":NaN}", "1e999", "\"\xff\"", "[\"\x01\"]"})
    EXPECT_EQ(parse_json(text, "it").error().message, "it is not valid JSON") << text;
  const std::string deep(64, '[');
  EXPECT_TRUE(parse_json(deep + "7" + std::string(64, ']'), "it").ok());
  EXPECT_EQ(parse_json("[" + deep + "7" + std::string(65, ']'), "it").error().message,
            "it is nested too deeply to be JSON of baton's");
  EXPECT_EQ(parse_json(std::string(1'000'000, '['), "it").error().message,
            "it is nested too deeply to be JSON of baton's");
}

// Comparing each with all before it would take longer than a test may.
TEST(Json, ManyMembersCostNoMoreThanTheirNumber) {
  constexpr int kMembers = 800'000;
  std::string text = "{";
  for (int i = 0; i < kMembers; ++i) text += "\"" + std::to_string(1'000'000 + i) + "\":1,";
  Json many = *parse_json(text + "\"1000007\":2}", "t");
  EXPECT_EQ(many.size(), static_cast<size_t>(kMembers));
  EXPECT_EQ(many["1000007"], 2);
}

}  // namespace
}  // namespace baton
