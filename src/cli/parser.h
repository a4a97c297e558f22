// Command line → command and arguments, with errors that say what to type instead.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace baton {

struct CommandLine {
  const Command* command = nullptr;  // none: the general help or the version is asked for
  Arguments arguments;
  bool help = false;
  bool version = false;
  std::string group;  // help on a group: "store"
};

// Takes the words after the program's name apart. Errors are Code::invalid: one sentence, and where
// to look.
Result<CommandLine> parse_command_line(const std::vector<Command>& commands,
                                       const std::vector<std::string>& words);

}  // namespace baton
