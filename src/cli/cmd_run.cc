#include "cli/commands.h"
#include "cli/drive_job.h"
#include "cli/submit_job.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  set_talk(context);
  int exit = 0;
  auto submitted = submit_job(context, exit);
  if (!submitted) {
    context.terminal.fail(submitted.error());
    return exit;
  }
  const Job& job = submitted->job;
  context.terminal.say("job " + job.id + " (" + job.spec.name + ")");
  return drive_job(context, submitted->session, job, {});
}

}  // namespace

Command run_command() {
  Command command;
  command.name = "run";
  command.summary = "run an experiment here and stream its output";
  command.details =
      "Ctrl-C commits and stops (baton resume goes on from there), twice kills. The exit status is "
      "the\n"
      "program's; 75 when the job was interrupted and can be resumed, 2 when the spec is wrong.";
  command.examples =
      "  baton run\n"
      "  baton run experiments/cnn.yaml --set params.lr=0.1 --set resources.cpus=4\n"
      "  baton run --name baseline > output.txt\n";
  command.positionals = spec_positionals();
  command.options = spec_options("job");
  for (const auto& option : {store_option(), quiet_option(), verbose_option()})
    command.options.push_back(option);
  command.run = run;
  return command;
}

}  // namespace baton
