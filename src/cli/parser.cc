#include "cli/parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "base/text.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

Error usage_error(const std::string& message, const std::string& command = "") {
  std::string help = command.empty() ? "baton --help" : "baton " + command + " --help";
  return {Code::invalid, message, "see " + help};
}

std::string with_suggestion(std::string message, const std::string& word,
                            const std::vector<std::string>& candidates) {
  if (auto near = did_you_mean(word, candidates)) message += "; did you mean " + *near + "?";
  return message;
}

bool in_group(const Command& command, const std::string& group) {
  return starts_with(command.name, group + " ");
}

Error unknown_command(const std::vector<Command>& commands, const std::string& group,
                      const std::string& word) {
  std::vector<std::string> names;
  for (const auto& command : commands) {
    if (command.hidden) continue;
    if (group.empty())
      names.push_back(split(command.name, ' ')[0]);
    else if (in_group(command, group))
      names.push_back(command.name.substr(group.size() + 1));
  }
  std::string full = group.empty() ? word : group + " " + word;
  return usage_error(with_suggestion("unknown command " + printable(full), word, names), group);
}

// Finds the command that the first one or two words name; `used` tells how many.
Result<const Command*> find_command(const std::vector<Command>& commands,
                                    const std::vector<std::string>& words, size_t& used) {
  std::string group = words[0];
  // A group's own word may be a command too: "sweep SPEC" beside "sweep show".
  if (words.size() > 1)
    for (const auto& command : commands)
      if (command.name == group + " " + words[1]) {
        used = 2;
        return &command;
      }
  for (const auto& command : commands)
    if (command.name == group) {
      used = 1;
      return &command;
    }
  bool is_group = std::any_of(commands.begin(), commands.end(),
                              [&](const Command& command) { return in_group(command, group); });
  if (!is_group) return unknown_command(commands, "", group);
  if (words.size() < 2)
    return usage_error("baton " + group + " needs to be told what to do", group);
  return unknown_command(commands, group, words[1]);
}

// "sweep shwo NAME" is more than "sweep SPEC" takes: perhaps a slip of "sweep show NAME".
Error with_group_suggestion(const std::vector<Command>& commands,
                            const std::vector<std::string>& words, size_t used, Error error) {
  if (used != 1 || words.size() < 3) return error;
  std::vector<std::string> names;
  for (const auto& command : commands)
    if (in_group(command, words[0])) names.push_back(command.name.substr(words[0].size() + 1));
  if (auto near = did_you_mean(words[1], names))
    error.message += "; did you mean baton " + words[0] + " " + *near + "?";
  return error;
}

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names = {"--help"};
  for (const auto& option : command.options)
    if (!option.hidden) names.push_back(option.name);
  return names;
}

// CLI11's parser for one command. Values are kept as text: checking them is the command's business.
class Parser {
 public:
  explicit Parser(const Command& command) : command_(command) {
    app_.set_help_flag();
    app_.allow_extras();
    app_.positionals_at_end(false);
    for (const auto& option : command.options) add(option);
    for (const auto& positional : command.positionals) {
      positionals_.emplace_back();
      auto* added = app_.add_option(positional.name, positionals_.back());
      if (!positional.repeatable) added->expected(1)->allow_extra_args(false);
    }
  }

  Result<Arguments> parse(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
      app_.parse(words);
    } catch (const CLI::ArgumentMismatch& error) {
      std::string option = split(error.what(), ':')[0];
      return usage_error("option " + option + " needs a value", command_.name);
    } catch (const CLI::ParseError& error) {
      return usage_error(printable(error.what()), command_.name);
    }
    for (const auto& word : app_.remaining())
      if (word != "--") return extra(word);
    return collect();
  }

 private:
  void add(const Option& option) {
    std::string names = option.name + (option.short_name.empty() ? "" : "," + option.short_name);
    if (option.value.empty()) {
      flags_.push_back({option.name, app_.add_flag(names)});
      return;
    }
    values_.emplace_back(option.name, std::vector<std::string>());
    app_.add_option(names, values_.back().second)->expected(1)->take_all()->allow_extra_args(false);
  }

  Error extra(const std::string& word) const {
    if (word.size() > 1 && word[0] == '-') {
      std::string name = split(word, '=')[0];
      return usage_error(
          with_suggestion("baton " + command_.name + " has no option " + printable(name), name,
                          option_names(command_)),
          command_.name);
    }
    bool secret = is_url(word) && may_hold_secret(word);
    std::string shown = secret ? "a URL with a secret in it" : shell_quote(printable(word));
    return usage_error("baton " + command_.name + " does not know what to do with " + shown,
                       command_.name);
  }

  Result<Arguments> collect() const {
    Arguments arguments;
    for (const auto& [name, flag] : flags_)
      if (flag->count() > 0) arguments.add(name, "true");
    for (const auto& [name, values] : values_)
      for (const auto& value : values) {
        if (value.empty()) return usage_error("the value of " + name + " is empty", command_.name);
        arguments.add(name, value);
      }
    std::string first;
    for (const auto& name : command_.one_of) {
      if (!arguments.has(name)) continue;
      if (!first.empty())
        return usage_error(first + " and " + name + " do not go together: leave one out",
                           command_.name);
      first = name;
    }
    for (size_t i = 0; i < command_.positionals.size(); ++i) {
      const Positional& positional = command_.positionals[i];
      if (positional.required && positionals_[i].empty())
        return usage_error(
            "baton " + command_.name + " needs " + positional.name + ": " + positional.help,
            command_.name);
      for (const auto& value : positionals_[i]) arguments.add(positional.name, value);
    }
    return arguments;
  }

  const Command& command_;
  CLI::App app_;
  std::deque<std::pair<std::string, CLI::Option*>> flags_;
  std::deque<std::pair<std::string, std::vector<std::string>>> values_;
  std::deque<std::vector<std::string>> positionals_;
};

bool asks_for_help(const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

}  // namespace

std::string Arguments::text(const std::string& name, const std::string& fallback) const {
  auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second.back();
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<CommandLine> parse_command_line(const std::vector<Command>& commands,
                                       const std::vector<std::string>& words) {
  CommandLine line;
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    line.help = true;
    if (words.size() < 2 || words[0] != "help") return line;
    return parse_command_line(commands, [&] {
      std::vector<std::string> rest(words.begin() + 1, words.end());
      rest.emplace_back("--help");
      return rest;
    }());
  }
  if (words[0] == "--version" || words[0] == "-V") {
    line.version = true;
    return line;
  }
  if (starts_with(words[0], "-"))
    return usage_error("a command comes first, not " + printable(words[0]));
  line.help = asks_for_help(words);
  bool group_help = line.help && words.size() == 2;
  if (group_help && std::any_of(commands.begin(), commands.end(), [&](const Command& command) {
        return in_group(command, words[0]);
      })) {
    line.group = words[0];
    for (const auto& command : commands)
      if (command.name == words[0]) line.command = &command;
    return line;
  }
  size_t used = 0;
  BATON_ASSIGN(line.command, find_command(commands, words, used));
  if (line.help) return line;
  auto parsed = Parser(*line.command).parse({words.begin() + static_cast<long>(used), words.end()});
  if (!parsed.ok()) return with_group_suggestion(commands, words, used, parsed.error());
  line.arguments = std::move(*parsed);
  return line;
}

}  // namespace baton
