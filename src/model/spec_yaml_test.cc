#include "model/spec_yaml.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace baton {
namespace {

// "line:column: message" of the problem, or "fine".
std::string problem_of(const std::string& text) {
  YamlNode root;
  auto problem = parse_yaml(text, root);
  if (!problem) return "fine";
  return std::to_string(problem->place.line) + ":" + std::to_string(problem->place.column) + ": " +
         problem->message;
}

TEST(Yaml, KeepsOrderTextAndPlaces) {
  YamlNode root;
  ASSERT_FALSE(parse_yaml("b: 0.10\na:\n  - 'x y'\n  - {é: ö, c: 5}\n", root));
  ASSERT_TRUE(root.is_map());
  EXPECT_EQ(root.keys[0].name, "b");
  EXPECT_EQ(root.items[0].text, "0.10");
  EXPECT_FALSE(root.items[0].quoted);
  const YamlNode* list = root.find("a");
  ASSERT_TRUE(list && list->is_list());
  EXPECT_TRUE(list->items[0].quoted);
  const YamlNode* five = list->items[1].find("c");
  ASSERT_TRUE(five);
  EXPECT_EQ(five->place.line, 4);
  EXPECT_EQ(five->place.column, 15) << "columns count characters, not bytes";
}

TEST(Yaml, ReadsEmptyDocumentsByteOrderMarksAndWindowsLines) {
  YamlNode root;
  ASSERT_FALSE(parse_yaml("", root));
  EXPECT_TRUE(root.is_null());
  ASSERT_FALSE(parse_yaml("# nothing\n", root));
  EXPECT_TRUE(root.is_null());
  ASSERT_FALSE(
      parse_yaml("\xef\xbb\xbf"
                 "a: 1\r\nb: 2\r\n",
                 root));
  ASSERT_EQ(root.keys.size(), 2u);
  EXPECT_EQ(root.items[0].text, "1");
  EXPECT_EQ(root.keys[1].place.line, 2);
}

TEST(Yaml, KeepsBlockScalars) {
  YamlNode root;
  ASSERT_FALSE(parse_yaml("a: |\n  one\n  \ttwo\n", root));
  EXPECT_EQ(root.items[0].text, "one\n\ttwo\n");
  EXPECT_TRUE(root.items[0].quoted);
}

struct Bad {
  const char* yaml;
  const char* problem;
};
class BadYaml : public testing::TestWithParam<Bad> {};
TEST_P(BadYaml, IsRefusedWithItsPlace) {
  EXPECT_EQ(problem_of(GetParam().yaml), GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadYaml,
    testing::Values(
        Bad{"a:\n\tb: 1\n", "2:1: a tab in the indentation; YAML takes spaces only"},
        Bad{"a:\n  - x\n\t- y\n", "3:1: a tab in the indentation; YAML takes spaces only"},
        Bad{"command: echo a: b\n",
            "1:16: a \":\" that YAML cannot place; indent with care, and put a value that contains "
            "\": \" in quotes"},
        Bad{"a: &b \"x\n", "1:4: the quoted text has no end; add the closing quote"},
        Bad{"a: 'it''s\n", "1:4: the quoted text has no end; add the closing quote"},
        Bad{"é: \"\\\"x\n", "1:4: the quoted text has no end; add the closing quote"},
        Bad{"a: [x, ${y}]\n",
            "1:9: the \"[\" of this list has no \"]\"; quote items that contain { } [ ] ,"},
        Bad{"a: @x\n", "1:4: a value cannot start with this character; put the value in quotes"},
        Bad{"a: *b\n", "1:4: the alias (\"*…\") has no anchor (\"&…\") before it"},
        Bad{"a: &a [*a]\n", "1:8: the alias refers to something that contains it"},
        Bad{"<<: {a: 1}\n", "1:1: merge keys (\"<<\") are not supported; write the keys out"},
        Bad{"a: 1\n'a': 2\n", "2:1: key \"a\" appears twice, first on line 1; remove one"},
        Bad{"? [a]\n: b\n",
            "1:3: a list or map stands where a key belongs; close every \"[\" and \"{\", and quote "
            "keys"},
        Bad{"~: b\n", "1:1: a key is missing or null, expected a name before the \":\""},
        Bad{"a: !!binary x\n",
            "1:4: the tag \"tag:yaml.org,2002:binary\" is not supported; remove it"},
        Bad{"a: !!python/object {}\n",
            "1:4: the tag \"tag:yaml.org,2002:python/object\" is not supported; remove it"},
        Bad{"a: 1\n---\nb: 1\n", "2:1: a second document starts here, expected one"},
        Bad{"a: \"x\\0y\"\n", "1:4: the value contains a NUL character, expected text"},
        Bad{"%YAML 9.0\n---\na: 1\n", "1:1: YAML major version too large"}));

TEST(HostileYaml, BytesThatAreNoText) {
  EXPECT_EQ(problem_of(std::string("a: 1\nb: \0x\n", 11)),
            "2:4: a NUL byte, expected text in UTF-8");
  EXPECT_EQ(problem_of("a: 1\nb: \xff\n"), "2:1: the line is not UTF-8; save the file as UTF-8");
  // UTF-16 with its byte order mark.
  EXPECT_NE(problem_of(std::string("\xff\xfe"
                                   "a\0:\0",
                                   6)),
            "fine");
}

TEST(HostileYaml, SizeIsLimited) {
  EXPECT_EQ(problem_of("a: " + std::string(2 << 20, 'x')),
            "0:0: 2.0 MiB long, expected at most 1.0 MiB");
  std::string list;
  for (int i = 0; i < 150'000; ++i) list += "- a\n";
  EXPECT_NE(problem_of(list).find("more than 100000 values"), std::string::npos);
}

TEST(HostileYaml, NestingIsLimited) {
  const std::string limit = "nested more than 32 levels deep";
  EXPECT_NE(problem_of(std::string(50, '[') + std::string(50, ']')).find(limit), std::string::npos);
  EXPECT_NE(problem_of(std::string(100'000, '[')), "fine");
  EXPECT_NE(problem_of("a: " + std::string(400'000, '{')), "fine");
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_NE(problem_of(dashes).find(limit), std::string::npos);
}

TEST(HostileYaml, AliasesCannotMultiply) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string last = "*a" + std::to_string(i - 1);
    std::string name = "a" + std::to_string(i);
    bomb += name + ": &" + name + " [" + last;
    for (int k = 0; k < 9; ++k) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_NE(problem_of(bomb).find("counting what aliases expand to"), std::string::npos);
  std::string large = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i) large += "*a, ";
  EXPECT_NE(problem_of(large + "x]\n").find("counting what aliases expand to"), std::string::npos);
}

TEST(HostileYaml, AliasesCannotNestBeyondTheLimit) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i)
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  EXPECT_NE(problem_of(text).find("nested more than 32 levels deep"), std::string::npos);
}

}  // namespace
}  // namespace baton
