#include "cli/commands.h"
#include "cli/launch_job.h"
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
  BATON_TRY(launch_job(context, submitted->session, job));
  if (context.arguments.has("--follow")) return follow_job(context, submitted->session, job.id);
  Json json{{"id", job.id}, {"name", job.spec.name}, {"store", submitted->session.settings.store}};
  context.terminal.print(context.arguments.has("--json") ? pretty_json(json) : job.id + "\n");
  return 0;
}

}  // namespace

Command submit_command() {
  Command command;
  command.name = "submit";
  command.summary = "run an experiment in the background and print the job's id";
  command.details =
      "The job goes on when the terminal is closed. After a reboot, baton resume continues it. "
      "With --follow,\n"
      "Ctrl-C ends the following and not the job.";
  command.examples =
      "  baton submit\n"
      "  job=$(baton submit cnn.yaml --set params.lr=0.1)\n"
      "  baton submit --follow\n";
  command.positionals = spec_positionals();
  command.options = spec_options("job");
  for (const auto& option :
       {Option{"--follow", "-f", "", "stream the output, exit as the program does"}, json_option(),
        store_option(), quiet_option(), verbose_option()})
    command.options.push_back(option);
  command.run = run;
  return command;
}

}  // namespace baton
