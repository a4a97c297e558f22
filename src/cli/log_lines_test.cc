#include "cli/log_lines.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

TEST(LogLines, CharactersStayWholeWhereverAPieceEnds) {
  const std::string text = "é€😀.";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    LogLines lines;
    std::string out = lines.add(1, text.substr(0, cut));
    out += lines.add(1, text.substr(cut));
    EXPECT_EQ(out.find("\xef\xbf\xbd"), std::string::npos) << cut << out;
    EXPECT_EQ(lines.rest(), "");
  }
  LogLines lines;
  std::string out;
  for (char byte : text) out += lines.add(2, std::string(1, byte));
  EXPECT_EQ(out,
            "{\"attempt\":2,\"output\":\"é\"}\n{\"attempt\":2,\"output\":\"€\"}\n"
            "{\"attempt\":2,\"output\":\"😀\"}\n{\"attempt\":2,\"output\":\".\"}\n");
}

TEST(LogLines, WhatIsNoCharacterIsNotWaitedFor) {
  LogLines lines;
  EXPECT_EQ(lines.add(1, "a\xff"), "{\"attempt\":1,\"output\":\"a\xef\xbf\xbd\"}\n");
  EXPECT_EQ(lines.add(1, "\x80\x80\x80"),
            "{\"attempt\":1,\"output\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n");
}

TEST(LogLines, AttemptsAreKeptApart) {
  LogLines lines;
  EXPECT_EQ(lines.add(1, "a\xc3"), "{\"attempt\":1,\"output\":\"a\"}\n");
  EXPECT_EQ(lines.add(2, "\xc3"), "{\"attempt\":1,\"output\":\"\xef\xbf\xbd\"}\n");
  EXPECT_EQ(lines.rest(), "{\"attempt\":2,\"output\":\"\xef\xbf\xbd\"}\n");
}

}  // namespace
}  // namespace baton
