#include "cli/commands.h"
#include "cli/session.h"
#include "control/requests.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  BATON_TRY(request_preempt(*session.ledger, history, "asked for with baton preempt"));
  context.terminal.say("attempt " + std::to_string(history.summary().attempt) + " of job " +
                       history.job().id + " was asked to make way");
  return 0;
}

}  // namespace

Command preempt_command() {
  Command command;
  command.name = "preempt";
  command.summary = "take the machine away from a job, as a cloud would";
  command.details =
      "The attempt gets a notice, commits within its grace and ends as preempted; the job then "
      "goes on in a\n"
      "next attempt. Works from any machine that sees the store.";
  command.examples =
      "  baton preempt latest\n"
      "  baton preempt 261122-013422-k3f9q2\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
