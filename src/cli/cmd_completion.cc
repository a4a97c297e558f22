#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/parts.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  auto script = completion_script(all_commands(), context.arguments.text("SHELL"));
  if (!script.ok()) return refuse_usage(context, script.error());
  context.terminal.print(*script);
  return 0;
}

}  // namespace

Command completion_command() {
  Command command;
  command.name = "completion";
  command.summary = "print the completion script for bash, zsh or fish";
  command.examples =
      "  source <(baton completion bash)\n"
      "  baton completion bash > /etc/bash_completion.d/baton\n"
      "  baton completion fish > ~/.config/fish/completions/baton.fish\n";
  command.positionals = {{"SHELL", "bash, zsh or fish", Names::shell}};
  command.run = run;
  return command;
}

}  // namespace baton
