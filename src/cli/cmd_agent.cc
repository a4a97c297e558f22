#include "cli/commands.h"
#include "cli/drive_job.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  // Nobody sits at this terminal: a launcher keeps the lines in a log.
  context.terminal.set_talk(Talk::verbose);
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, session.ledger->open(context.arguments.text("JOB")));
  DriveOptions options;
  options.show_output = false;
  const Job job = history.job();
  options.opened = std::move(history);
  return drive_job(context, session, job, std::move(options));
}

}  // namespace

Command agent_command() {
  Command command;
  command.name = "agent";
  command.summary = "run attempts at a job on this machine; launchers start this";
  command.examples = "  baton agent 261122-013422-k3f9q2 --store /srv/baton\n";
  command.positionals = {{"JOB", "the job's id"}};
  command.options = {store_option()};
  command.run = run;
  command.hidden = true;
  return command;
}

}  // namespace baton
