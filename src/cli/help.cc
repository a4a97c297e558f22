#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace baton {
namespace {

struct Row {
  std::string left, right;
};

std::string rows_text(const std::vector<Row>& rows) {
  size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.left.size());
  std::string text;
  for (const auto& row : rows) text += fmt::format("  {:<{}}  {}\n", row.left, width, row.right);
  return text;
}

// One line for commands that share their first word.
std::string group_summary(const std::string& group) {
  if (group == "image") return "images on this machine: build, ls, rm";
  if (group == "store") return "verify the store: check; remove leftovers: gc; copy it: copy";
  return group;
}

std::string usage(const Command& command) {
  std::string text = "baton " + command.name;
  if (!command.options.empty()) text += " [OPTIONS]";
  for (const auto& positional : command.positionals) {
    std::string name = positional.name + (positional.repeatable ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  return text;
}

}  // namespace

std::string general_help(const std::vector<Command>& commands) {
  std::vector<Row> rows;
  for (const auto& command : commands) {
    if (command.hidden) continue;
    auto words = split(command.name, ' ');
    if (words.size() == 1)
      rows.push_back({command.name, command.summary});
    else if (rows.empty() || rows.back().left != words[0])
      rows.push_back({words[0], group_summary(words[0])});
  }
  return "baton runs experiments in containers on machines that may vanish.\n"
         "usage: baton COMMAND [OPTIONS]    baton COMMAND --help: options and examples\n" +
         rows_text(rows) + "JOB is an id, the beginning of one, a job's name, or latest.\n";
}

std::string group_help(const std::vector<Command>& commands, const std::string& group) {
  std::vector<Row> rows;
  for (const auto& command : commands)
    if (starts_with(command.name, group + " ") && !command.hidden)
      rows.push_back({"baton " + command.name, command.summary});
  return rows_text(rows);
}

std::string command_help(const Command& command) {
  std::string text = "usage: " + usage(command) + "\n\n" + command.summary + ".\n";
  if (!command.details.empty()) text += "\n" + command.details + "\n";
  std::vector<Row> rows;
  for (const auto& positional : command.positionals)
    rows.push_back({positional.name, positional.help});
  for (const auto& option : command.options) {
    if (option.hidden) continue;
    std::string left =
        option.short_name.empty() ? option.name : option.short_name + ", " + option.name;
    rows.push_back({option.value.empty() ? left : left + " " + option.value, option.help});
  }
  if (!rows.empty()) text += "\n" + rows_text(rows);
  if (!command.examples.empty()) text += "\nexamples:\n" + command.examples;
  return text;
}

}  // namespace baton
