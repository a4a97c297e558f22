#include "cli/commands.h"
#include "cli/drive_job.h"
#include "cli/launch_job.h"
#include "control/inspect.h"
#include "control/plan.h"
#include "control/requests.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  BATON_TRY(check_resumed_inputs(history.job(), context.parts.environment, context.parts.clock));
  const Job& job = history.job();
  bool running = history.summary().state == State::running;
  if (running && !is_abandoned(history.summary()))
    context.terminal.insist(
        "attempt " + std::to_string(history.summary().attempt) + " on " +
        history.summary().attempts.back().claimed.host +
        " has not ended; taking over once it has shown no sign of life for 30s");
  BATON_TRY(request_resume(*session.ledger, history, "asked for with baton resume"));
  if (context.arguments.has("--detach")) {
    BATON_TRY(launch_job(context, session, job));
    context.terminal.print(job.id + "\n");
    return 0;
  }
  context.terminal.say("job " + job.id + " (" + job.spec.name + ")");
  DriveOptions options;
  options.wait_for_owner = true;
  return drive_job(context, session, job, options);
}

}  // namespace

Command resume_command() {
  Command command;
  command.name = "resume";
  command.summary = "go on with a job from its last commit, here";
  command.details =
      "For every job that has not succeeded: interrupted, stopped, failed, or left behind by a "
      "machine that is\n"
      "gone. Output and exit status are as those of baton run.";
  command.examples =
      "  baton resume latest\n"
      "  baton resume fashion-cnn --detach\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {{"--detach", "-d", "", "run it in the background, as baton submit does"},
                     store_option(),
                     quiet_option(),
                     verbose_option()};
  command.run = run;
  return command;
}

}  // namespace baton
