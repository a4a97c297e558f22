#include "cli/commands.h"
#include "cli/drive_sweep.h"

namespace baton {
namespace {

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
