#include <gtest/gtest.h>

#include <cstdio>

#include "model/spec.h"

namespace baton {
namespace {

using Params = std::vector<std::pair<std::string, Json>>;

TEST(Substitute, ReplacesNamesAndLeavesTheRest) {
  Params params = {{"lr", 0.01}, {"name", "a b"}, {"on", true}};
  EXPECT_EQ(*substitute("x ${lr} ${on}${lr} $HOME $$ $", params, false),
            "x 0.01 true0.01 $HOME $$ $");
  EXPECT_EQ(*substitute("$${lr} $${HOME:-x}", params, false), "${lr} ${HOME:-x}");
  EXPECT_EQ(*substitute("--n=${name}", params, true), "--n='a b'");
  EXPECT_EQ(*substitute("--n=${name}", params, false), "--n=a b");
}

TEST(Substitute, UnknownNames) {
  Params params = {{"learning-rate", 1}};
  EXPECT_EQ(substitute("${learning_rate}", params, false).error().message,
            "${learning_rate} names no parameter; did you mean \"learning-rate\"?");
  EXPECT_FALSE(substitute("${", params, false).ok());
  EXPECT_FALSE(substitute("${}", params, false).ok());
}

std::string shell(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT: the shell's own reading is what is tested
  if (!pipe) return "popen failed";
  char buffer[256];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  pclose(pipe);
  return out;
}

// Whatever the value and wherever it stands, the shell hands exactly it to the program.
TEST(Substitute, ValuesReachTheProgramUnchangedThroughARealShell) {
  const char* values[] = {"plain",
                          "two words",
                          "it's",
                          "say \"hi\"",
                          "$HOME `id` $(id)",
                          "back\\slash\\",
                          "a;b|c&d>e",
                          "*?[a]~",
                          "new\nline",
                          "#no",
                          "-n",
                          "é",
                          "",
                          "'\"'\"",
                          "a)b(c"};
  const char* places[] = {
      "printf '<%s>' ${x}",
      "printf '<%s>' \"${x}\"",
      "printf '<%s>' '${x}'",
      "printf '<%s>' \"$(printf '%s.' \"${x}\")\"",
      "printf '<%s>' \"$(printf '%s.' ${x})\"",
      "printf '<%s>' \"$(printf '%s.' '${x}')\" # don't \" mind\n",
      "# it's a comment\nprintf '<%s>' ${x}",
      "printf '<%s>' \\\"${x}\\\"",
      "(printf '<%s>' \"(${x})\")",
      "printf '<%s>' a${x}\"b\"",
      "v=\"${x}\"; printf '<%s>' \"$v\"",
      // Behind a here-document, backquotes and shifts that hold no parameter.
      "cat >/dev/null <<EOF; printf '<%s>' ${x}\nit's \" (\nEOF\n",
      "cat >/dev/null <<-'A' <<\"C\"\nit's\n\tA\n\"\nC\nprintf '<%s>' ${x}",
      "v=`echo '\"'`; n=$((1 << 2)); printf '<%s>' ${x}",
  };
  for (const char* place : places)
    for (const char* value : values) {
      std::string command = *substitute(place, {{"x", value}}, true);
      std::string text = place;
      std::string wanted = value;
      if (text.find("%s.") != std::string::npos) wanted += ".";
      if (text.find("\\\"") != std::string::npos) wanted = "\"" + wanted + "\"";
      if (text.find("(${x})") != std::string::npos) wanted = "(" + wanted + ")";
      if (text.find("a${x}") != std::string::npos) wanted = "a" + wanted + "b";
      EXPECT_EQ(shell(command), "<" + wanted + ">") << "command: " << command;
    }
}

TEST(Substitute, IsRefusedWhereNoQuotingHelps) {
  for (const char* place :
       {"cat <<EOF\n${x}\nEOF", "cat << 'EOF'\n${x}\nEOF", "cat <<-EOF\n\tEOFF\n\t${x}\n\tEOF",
        "cat <<A <<B\nA\n${x}\nB", "echo `echo ${x}`", "echo \"`echo '${x}'`\""}) {
    auto refused = substitute(place, {{"x", "1"}}, true);
    ASSERT_TRUE(refused.is(Code::invalid)) << place;
    EXPECT_NE(refused.error().message.find("write $BATON_PARAM_X there"), std::string::npos);
    EXPECT_TRUE(substitute(place, {{"x", "1"}}, false).ok()) << "no shell reads it";
  }
}

}  // namespace
}  // namespace baton
