#include <fmt/format.h>

#include "agent/leftovers.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "cli/session.h"
#include "os/files.h"

namespace baton {
namespace {

// A trial that is still to be run, or goes on, is its sweep's until that has ended. What cannot be
// read is nobody's.
Status check_not_wanted(Session& session, const std::string& id) {
  auto history = session.ledger->open(id);
  if (!history.ok() || history->job().sweep.empty()) return {};
  const Job& job = history->job();
  auto sweep = SweepLedger(*session.store, session.ledger->clock()).open(job.sweep);
  if (!sweep.ok()) return {};
  const SweepState& state = sweep->state();
  if (state.ended || job.trial > state.trials.size() ||
      state.trial(job.trial).state == SweepTrial::State::closed)
    return {};
  return Error{
      Code::invalid,
      fmt::format("job {} is trial {} of sweep {}, which has not ended", id, job.trial, job.sweep),
      fmt::format("stop only the trial: baton stop {}; or remove the whole sweep: baton "
                  "sweep stop {} && baton sweep rm {}",
                  id, job.sweep, job.sweep)};
}

Status remove(Context& context, Session& session, const std::string& word) {
  BATON_ASSIGN(std::string id, resolve_job(session, word));
  BATON_TRY(check_not_wanted(session, id));
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
      "Results that were delivered stay where they are. A running job is refused: stop it first.\n"
      "So is a trial of a sweep that has not ended, unless the trial has.";
  command.examples =
      "  baton rm latest\n"
      "  baton rm 261122-013422-k3f9q2 old-experiment\n";
  command.positionals = {{"JOB", "the jobs to remove", Names::job, true, true}};
  command.options = {quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
