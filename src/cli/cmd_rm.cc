#include "agent/leftovers.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "os/files.h"

namespace baton {
namespace {

Status remove(Context& context, Session& session, const std::string& word) {
  BATON_ASSIGN(std::string id, resolve_job(session, word));
  BATON_TRY(session.ledger->remove_job(id));
  BATON_TRY(remove_tree(agent_log_file(session.settings.home, id)));
  context.terminal.say("removed job " + id);
  return {};
}

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  TerminalLog log(context.terminal, false);
  sweep_machine(session.settings.home, log);
  int status = 0;
  for (const auto& word : context.arguments.all("JOB"))
    if (Status removed = remove(context, session, word); !removed) {
      context.terminal.fail(removed.error());
      status = kExitError;
    }
  return status;
}

}  // namespace

Command rm_command() {
  Command command;
  command.name = "rm";
  command.summary = "remove jobs, with their commits and logs, from the store";
  command.details =
      "Results that were delivered stay where they are. A running job is refused: stop it first.";
  command.examples =
      "  baton rm latest\n"
      "  baton rm 261122-013422-k3f9q2 old-experiment\n";
  command.positionals = {{"JOB", "the jobs to remove", Names::job, true, true}};
  command.options = {quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
