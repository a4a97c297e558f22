// Shell completion, written from the descriptions of the commands.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace baton {

// The script for "bash", "zsh" or "fish"; Code::invalid for another shell.
Result<std::string> completion_script(const std::vector<Command>& commands,
                                      const std::string& shell);

}  // namespace baton
