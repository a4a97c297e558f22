#include "cli/parser.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"

namespace baton {
namespace {

Result<CommandLine> parse(const std::vector<std::string>& words) {
  static const std::vector<Command> commands = all_commands();
  return parse_command_line(commands, words);
}

std::string error_of(const std::vector<std::string>& words) {
  auto line = parse(words);
  return line ? "" : line.error().text();
}

TEST(Parser, TakesOptionsAndPositionalsInAnyOrder) {
  auto line = parse({"run", "--set", "params.lr=-1", "a.yaml", "--set=b=2", "-q"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_EQ(line->command->name, "run");
  EXPECT_EQ(line->arguments.text("SPEC"), "a.yaml");
  EXPECT_EQ(line->arguments.all("--set"), (std::vector<std::string>{"params.lr=-1", "b=2"}));
  EXPECT_TRUE(line->arguments.has("--quiet"));
  EXPECT_FALSE(line->arguments.has("--verbose"));
  EXPECT_EQ(line->arguments.text("--name", "none"), "none");
}

TEST(Parser, FindsCommandsOfTwoWords) {
  auto line = parse({"store", "gc", "--json"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_EQ(line->command->name, "store gc");
  EXPECT_TRUE(line->arguments.has("--json"));
}

TEST(Parser, TakesSeveralJobsWhereACommandDoes) {
  auto line = parse({"rm", "a", "b", "c"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_EQ(line->arguments.all("JOB").size(), 3u);
}

TEST(Parser, TakesWordsBehindTwoDashesAsTheyAre) {
  auto line = parse({"run", "--", "--odd.yaml"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_EQ(line->arguments.text("SPEC"), "--odd.yaml");
}

TEST(Parser, SuggestsCommandsAndOptions) {
  EXPECT_EQ(error_of({"rnu"}), "unknown command rnu; did you mean run?\n  see baton --help");
  EXPECT_EQ(error_of({"image", "biuld"}),
            "unknown command image biuld; did you mean build?\n  see baton image --help");
  EXPECT_EQ(error_of({"ps", "--jsno"}),
            "baton ps has no option --jsno; did you mean --json?\n  see baton ps --help");
  EXPECT_EQ(error_of({"ps", "--xyzzy"}), "baton ps has no option --xyzzy\n  see baton ps --help");
}

TEST(Parser, SaysWhatIsMissingOrTooMuch) {
  EXPECT_EQ(error_of({"show"}), "baton show needs JOB: the job\n  see baton show --help");
  EXPECT_EQ(error_of({"store"}),
            "baton store needs to be told what to do\n  see baton store --help");
  EXPECT_EQ(error_of({"ps", "me"}),
            "baton ps does not know what to do with me\n  see baton ps --help");
  EXPECT_EQ(error_of({"run", "--name"}), "option --name needs a value\n  see baton run --help");
  EXPECT_EQ(error_of({"--json", "ps"}), "a command comes first, not --json\n  see baton --help");
}

TEST(Parser, TakesNoEmptyValues) {
  EXPECT_EQ(error_of({"ps", "--store", ""}),
            "the value of --store is empty\n  see baton ps --help");
  EXPECT_EQ(error_of({"run", "--name", ""}),
            "the value of --name is empty\n  see baton run --help");
}

TEST(Parser, TakesOneWayToPrint) {
  EXPECT_EQ(error_of({"metrics", "x", "--json", "--csv"}),
            "--csv and --json do not go together: leave one out\n  see baton metrics --help");
  EXPECT_EQ(error_of({"metrics", "x", "--plot", "--csv"}),
            "--plot and --csv do not go together: leave one out\n  see baton metrics --help");
  EXPECT_EQ(error_of({"sweep", "results", "x", "--json", "--csv"}),
            "--csv and --json do not go together: leave one out\n  see baton sweep results --help");
  EXPECT_EQ(error_of({"metrics", "x", "--json"}), "");
}

TEST(Parser, SuggestsACommandWhereAGroupIsOneToo) {
  EXPECT_EQ(error_of({"sweep", "shwo", "x"}),
            "baton sweep does not know what to do with x; did you mean baton sweep show?\n"
            "  see baton sweep --help");
  EXPECT_EQ(error_of({"sweep", "cnn.yaml", "x"}),
            "baton sweep does not know what to do with x\n  see baton sweep --help");
}

TEST(Parser, DoesNotPrintControlCharactersFromTheCommandLine) {
  EXPECT_EQ(error_of({"\x1b[31mred"}).find('\x1b'), std::string::npos);
  EXPECT_EQ(error_of({"ps", "--\x1b[31m"}).find('\x1b'), std::string::npos);
}

TEST(Parser, GivesHelpWhereverItIsAskedFor) {
  EXPECT_TRUE(parse({})->help);
  EXPECT_EQ(parse({"run", "x", "--help"})->command->name, "run");
  EXPECT_EQ(parse({"help", "run"})->command->name, "run");
  EXPECT_EQ(parse({"store", "--help"})->group, "store");
  EXPECT_TRUE(parse({"--version"})->version);
}

TEST(Help, FitsAScreen) {
  auto lines = split(general_help(all_commands()), '\n');
  EXPECT_LE(lines.size(), 24u);  // with the shell's prompt in the last line
  for (const auto& line : lines) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Help, NamesAllOfAGroupAndWhatANameIsOf) {
  const std::string general = general_help(all_commands());
  for (const auto& command : all_commands()) {
    auto words = split(command.name, ' ');
    if (words[0] != "store" && words[0] != "image") continue;
    auto line = general.substr(general.find("\n  " + words[0]) + 1);
    EXPECT_NE(line.substr(0, line.find('\n')).find(words[1]), std::string::npos) << command.name;
  }
  auto help_of = [](const char* name) {
    for (const auto& command : all_commands())
      if (command.name == name) return command_help(command);
    return std::string();
  };
  EXPECT_NE(help_of("sweep").find("name the sweep, instead"), std::string::npos);
  EXPECT_NE(help_of("run").find("name the job, instead"), std::string::npos);
}

TEST(Help, OfEveryCommandHasExamplesThatParse) {
  for (const auto& command : all_commands()) {
    std::string help = command_help(command);
    EXPECT_NE(help.find("usage: baton " + command.name), std::string::npos) << help;
    EXPECT_FALSE(command.examples.empty()) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
    for (const auto& line : split(help, '\n')) EXPECT_LE(line.size(), 110u) << line;
  }
}

TEST(Completion, KnowsEveryVisibleCommandAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    auto script = completion_script(all_commands(), shell);
    ASSERT_TRUE(script);
    for (const auto& command : all_commands()) {
      if (command.hidden) continue;
      for (const auto& word : split(command.name, ' '))
        EXPECT_NE(script->find(word), std::string::npos) << shell << " " << word;
      for (const auto& option : command.options)
        EXPECT_NE(script->find(option.name.substr(2)), std::string::npos) << shell << option.name;
    }
  }
  EXPECT_TRUE(completion_script(all_commands(), "csh").is(Code::invalid));
}

}  // namespace
}  // namespace baton
