#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/parser.h"
#include "cli/parts.h"

namespace baton {

Option store_option() {
  return {"--store", "", "DIR", "the store, instead of the default (baton doctor names it)",
          Names::directory};
}
Option json_option() { return {"--json", "", "", "print JSON"}; }
Option quiet_option() { return {"--quiet", "-q", "", "say nothing but errors"}; }
Option verbose_option() {
  return {"--verbose", "-v", "", "say what happens, also where stderr is not a terminal"};
}

std::vector<Command> all_commands() {
  return {
      init_command(),        run_command(),        submit_command(),       ps_command(),
      show_command(),        logs_command(),       metrics_command(),      results_command(),
      stop_command(),        preempt_command(),    resume_command(),       rm_command(),
      sweep_command(),       sweep_ls_command(),   sweep_show_command(),   sweep_results_command(),
      sweep_plot_command(),  sweep_stop_command(), sweep_resume_command(), sweep_rm_command(),
      image_build_command(), image_ls_command(),   image_rm_command(),     store_check_command(),
      store_gc_command(),    store_copy_command(), suggest_command(),      doctor_command(),
      completion_command(),  version_command(),    commit_command(),       agent_command()};
}

namespace {

// The exit status, once it is said what was not: half an answer must not count as one.
int told(Terminal& terminal, int status) {
  auto lost = terminal.lost_output();
  if (!lost) return status;
  terminal.fail(*lost);
  return status == 0 ? kExitError : status;
}

}  // namespace

int run_cli(Parts& parts, const std::vector<std::string>& words) {
  Terminal& terminal = parts.terminal;
  std::vector<Command> commands = all_commands();
  auto line = parse_command_line(commands, words);
  if (!line) {
    terminal.fail(line.error());
    return kExitUsage;
  }
  if (line->version) {
    terminal.print("baton " + parts.version + "\n");
    return told(terminal, 0);
  }
  if (line->help) {
    std::string help;
    if (line->command) help = command_help(*line->command);
    if (!line->group.empty())
      help += (help.empty() ? "" : "\n") + group_help(commands, line->group);
    terminal.print(help.empty() ? general_help(commands) : help);
    return told(terminal, words.empty() ? kExitUsage : 0);
  }
  Context context{parts, terminal, line->arguments};
  auto status = line->command->run(context);
  if (!status) terminal.fail(status.error());
  return told(terminal, status ? *status : kExitError);
}

}  // namespace baton
