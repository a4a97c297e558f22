#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace baton {
namespace {

// First words, and for groups their second words.
std::map<std::string, std::vector<std::string>> words_of(const std::vector<Command>& commands) {
  std::map<std::string, std::vector<std::string>> words;
  for (const auto& command : commands) {
    if (command.hidden) continue;
    auto parts = split(command.name, ' ');
    auto& members = words[parts[0]];
    if (parts.size() > 1) members.push_back(parts[1]);
  }
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> option_words(const Command& command) {
  std::vector<std::string> words;
  for (const auto& option : command.options)
    if (!option.hidden) words.push_back(option.name);
  words.emplace_back("--help");
  return words;
}

const char* bash_values(Names names) {
  switch (names) {
    case Names::job:
      return "$(baton ps --all --ids 2>/dev/null) latest";
    case Names::sweep:
      return "$(baton sweep ls --ids 2>/dev/null) latest";
    case Names::image:
      return "$(baton image ls --ids 2>/dev/null)";
    case Names::shell:
      return "bash zsh fish";
    default:
      return "";
  }
}

Names positional_names(const Command& command) {
  return command.positionals.empty() ? Names::text : command.positionals[0].names;
}

std::string bash_case(const Command& command) {
  std::string text = fmt::format("    '{}')\n", command.name);
  for (const auto& option : command.options)
    if (option.names == Names::directory)
      text += fmt::format(
          "      [[ $previous == {} ]] && {{ COMPREPLY=($(compgen -d -- \"$word\")); return; }}\n",
          option.name);
  Names names = positional_names(command);
  std::string values = bash_values(names);
  text += "      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '" +
          joined(option_words(command)) + "' -- \"$word\"))\n";
  if (names == Names::file)
    text += "      else COMPREPLY=($(compgen -f -- \"$word\"))\n";
  else if (names == Names::directory)
    text += "      else COMPREPLY=($(compgen -d -- \"$word\"))\n";
  else if (!values.empty())
    text += "      else COMPREPLY=($(compgen -W \"" + values + "\" -- \"$word\"))\n";
  return text + "      fi;;\n";
}

std::string bash_script(const std::vector<Command>& commands) {
  auto words = words_of(commands);
  std::string firsts, groups;
  for (const auto& [first, members] : words) {
    firsts += (firsts.empty() ? "" : " ") + first;
    bool also_command =
        std::any_of(commands.begin(), commands.end(),
                    [&, &name = first](const Command& command) { return command.name == name; });
    if (also_command && !members.empty()) {
      // The second word is one of the group's, or the command's own argument.
      std::string known;
      for (const auto& member : members) known += (known.empty() ? "" : "|") + member;
      groups += fmt::format(
          "    {}) [[ $COMP_CWORD -eq 2 && $word != -* ]] && {{ COMPREPLY=($(compgen -W '{}' -- "
          "\"$word\") $(compgen -f -- \"$word\")); return; }}\n"
          "      case ${{COMP_WORDS[2]}} in {}) command=\"{} ${{COMP_WORDS[2]}}\";; esac;;\n",
          first, joined(members), known, first);
    } else if (!members.empty())
      groups += fmt::format(
          "    {}) [[ $COMP_CWORD -eq 2 ]] && {{ COMPREPLY=($(compgen -W '{}' -- \"$word\")); "
          "return; }}\n"
          "      command=\"{} ${{COMP_WORDS[2]}}\";;\n",
          first, joined(members), first);
  }
  std::string text =
      "# baton's completion for bash: source <(baton completion bash)\n"
      "_baton() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} "
      "command=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W '" +
      firsts +
      "' -- \"$word\")); return; fi\n"
      "  case $command in\n" +
      groups +
      "  esac\n"
      "  case $command in\n";
  for (const auto& command : commands)
    if (!command.hidden) text += bash_case(command);
  return text + "  esac\n}\ncomplete -o filenames -F _baton baton\n";
}

// zsh runs bash's completion through its own emulation of it.
std::string zsh_script(const std::vector<Command>& commands) {
  return "# baton's completion for zsh: source <(baton completion zsh)\n"
         "autoload -U +X compinit && (( $+functions[compdef] )) || compinit\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(commands);
}

std::string fish_values(Names names) {
  switch (names) {
    case Names::job:
      return " -f -a '(baton ps --all --ids 2>/dev/null; echo latest)'";
    case Names::sweep:
      return " -f -a '(baton sweep ls --ids 2>/dev/null; echo latest)'";
    case Names::image:
      return " -f -a '(baton image ls --ids 2>/dev/null)'";
    case Names::shell:
      return " -f -a 'bash zsh fish'";
    case Names::file:
      return " -F";
    case Names::directory:
      return " -f -a '(__fish_complete_directories)'";
    default:
      return "";
  }
}

std::string fish_condition(const Command& command) {
  auto parts = split(command.name, ' ');
  std::string text = "__fish_seen_subcommand_from " + parts[0];
  return parts.size() > 1 ? text + "; and __fish_seen_subcommand_from " + parts[1] : text;
}

std::string fish_command(const Command& command, bool new_group) {
  auto parts = split(command.name, ' ');
  std::string text;
  if (new_group)
    text += fmt::format("complete -c baton -f -n __fish_use_subcommand -a {} -d {}\n", parts[0],
                        shell_quote(parts.size() > 1 ? parts[0] + " commands" : command.summary));
  if (parts.size() > 1)
    text += fmt::format("complete -c baton -f -n '__fish_seen_subcommand_from {}' -a {} -d {}\n",
                        parts[0], parts[1], shell_quote(command.summary));
  std::string condition = fish_condition(command);
  if (std::string values = fish_values(positional_names(command)); !values.empty())
    text += fmt::format("complete -c baton -n '{}'{}\n", condition, values);
  for (const auto& option : command.options) {
    if (option.hidden) continue;
    std::string short_name = option.short_name.empty() ? "" : " -s " + option.short_name.substr(1);
    text +=
        fmt::format("complete -c baton -n '{}' -l {}{}{} -d {}\n", condition, option.name.substr(2),
                    short_name, option.value.empty() ? "" : " -r", shell_quote(option.help));
  }
  return text;
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string text = "# baton's completion for fish: baton completion fish | source\n";
  std::set<std::string> seen;
  for (const auto& command : commands)
    if (!command.hidden)
      text += fish_command(command, seen.insert(split(command.name, ' ')[0]).second);
  return text;
}

}  // namespace

Result<std::string> completion_script(const std::vector<Command>& commands,
                                      const std::string& shell) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  std::string message = "no completion for the shell " + printable(shell);
  return Error{Code::invalid, message, "one of bash, zsh, fish"};
}

}  // namespace baton
