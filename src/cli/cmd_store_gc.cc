#include <fmt/format.h>

#include "agent/leftovers.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "control/gc.h"

namespace baton {
namespace {

Result<int> collect(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  TerminalLog log(context.terminal, false);
  int attempts = sweep_machine(session.settings.home, log);
  BATON_ASSIGN(GcReport report, collect_garbage(*session.ledger, log));
  if (context.arguments.has("--json"))
    context.terminal.print(pretty_json(Json{{"objects", report.objects},
                                            {"bytes", report.bytes},
                                            {"jobs", report.jobs},
                                            {"tidied", report.tidied},
                                            {"attempts", attempts},
                                            {"skipped", report.skipped}}));
  else
    context.terminal.print(
        fmt::format("removed {} objects, {}\n", report.objects, human_size(report.bytes)));
  return report.skipped.empty() ? 0 : kExitError;
}

}  // namespace

Command store_gc_command() {
  Command command;
  command.name = "store gc";
  command.summary = "remove what no job needs any more; safe beside running jobs";
  command.details =
      "From the store: what crashes left and what no kept commit names. From this machine: what\n"
      "attempts left here (directories, control groups) whose agent is gone.";
  command.examples =
      "  baton store gc\n"
      "  baton store gc --json\n";
  command.options = {json_option(), quiet_option(), store_option()};
  command.run = collect;
  return command;
}

}  // namespace baton
