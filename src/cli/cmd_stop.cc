#include "cli/commands.h"
#include "cli/session.h"
#include "control/requests.h"

namespace baton {
namespace {

constexpr int64_t kBeatTtlMs = 30'000;

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  Status last;
  for (const auto& word : context.arguments.all("JOB")) {
    BATON_ASSIGN(History history, open_job(session, word));
    BATON_TRY(request_stop(*session.ledger, history, "asked for with baton stop"));
    const std::string& id = history.job().id;
    if (!is_final(history.summary().state) && context.arguments.has("--no-wait")) {
      context.terminal.say("job " + id + " was asked to stop");
      continue;
    }
    if (!is_final(history.summary().state))
      context.terminal.say("waiting for the last commit of job " + id);
    BATON_TRY(await_stopped(*session.ledger, history, kBeatTtlMs, [] { return true; }));
    context.terminal.say("job " + id + " " + state_name(history.summary().state) +
                         "; `baton resume " + id + "` continues it");
  }
  return 0;
}

}  // namespace

Command stop_command() {
  Command command;
  command.name = "stop";
  command.summary = "commit, then end a job; it can be resumed";
  command.details =
      "Works from any machine that sees the store. Waits until the job has stopped; a job whose "
      "machine\n"
      "has vanished is given up after 30 seconds without a sign of life.";
  command.examples =
      "  baton stop latest\n"
      "  baton stop fashion-cnn --no-wait\n";
  command.positionals = {{"JOB", "the jobs to stop", Names::job, true, true}};
  command.options = {
      {"--no-wait", "", "", "ask, and do not wait for the end"}, quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
