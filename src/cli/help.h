// The texts of --help.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace baton {

// `baton --help`: fits a screen of 80 columns and 24 lines.
std::string general_help(const std::vector<Command>& commands);
// `baton store --help`.
std::string group_help(const std::vector<Command>& commands, const std::string& group);
// `baton run --help`: usage, options and examples.
std::string command_help(const Command& command);

}  // namespace baton
