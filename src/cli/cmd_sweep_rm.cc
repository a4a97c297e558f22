#include <fmt/format.h>

#include <set>

#include "cli/commands.h"
#include "cli/drive_sweep.h"

namespace baton {
namespace {

// Code::invalid while a trial runs: its agent may have outlived the sweep's process, or somebody
// may have resumed it by itself.
Status check_at_rest(Session& session, const SweepHistory& history) {
  BATON_ASSIGN(auto unfinished, session.ledger->list(0));
  std::set<std::string> running;
  for (const auto& job : unfinished)
    if (job.problem.empty() && job.state == State::running) running.insert(job.id);
  const SweepState& state = history.state();
  const std::string& id = history.sweep().base.id;
  for (size_t i = 0; i < state.trials.size(); ++i)
    if (const std::string& job = state.trials[i].job; running.contains(job))
      return Error{
          Code::invalid, fmt::format("trial {} of sweep {} is running", i + 1, id),
          "stop it first: " + (state.ended ? "baton stop " + job : "baton sweep stop " + id)};
  return {};
}

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  for (const auto& word : context.arguments.all("SWEEP")) {
    BATON_ASSIGN(SweepHistory history, open_sweep(session, word));
    const std::string& id = history.sweep().base.id;
    const SweepState& state = history.state();
    if (state.driver && !driver_is_gone(*state.driver))
      return Error{Code::invalid, "sweep " + id + " is running",
                   "stop it first: baton sweep stop " + id};
    BATON_TRY(check_at_rest(session, history));
    for (const auto& trial : state.trials) {
      Status removed = session.ledger->remove_job(trial.job);
      if (!removed.ok() && !removed.is(Code::not_found)) return removed.error();
    }
    BATON_TRY(SweepLedger(*session.store, session.ledger->clock()).remove(id));
    context.terminal.say("sweep " + id + " and its trials are removed");
  }
  return 0;
}

}  // namespace

Command sweep_rm_command() {
  Command command;
  command.name = "sweep rm";
  command.summary = "remove a sweep with all its trials; delivered results stay";
  command.examples = "  baton sweep rm latest\n";
  command.positionals = {{"SWEEP", "the sweeps to remove", Names::sweep, true, true}};
  command.options = {quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
