#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/drive_sweep.h"

namespace baton {
namespace {

constexpr int64_t kPollMs = 200;
constexpr int64_t kBeatTtlMs = 30'000;

// Until its driver has ended the sweep; false when the driver is gone.
Result<bool> await_end(Session& session, SweepHistory& history) {
  SweepLedger sweeps(*session.store, session.ledger->clock());
  BeatWatch watch(session.ledger->clock(), kBeatTtlMs);
  while (true) {
    BATON_TRY(history.refresh());
    const SweepState& state = history.state();
    if (state.ended) return true;
    if (!state.driver || driver_is_gone(*state.driver)) return false;
    BATON_ASSIGN(std::string beat, sweeps.read_beat(history.sweep().base.id, state.driver->number));
    if (watch.stale(beat)) return false;
    session.ledger->clock().sleep_ms(kPollMs);
  }
}

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  const std::string& id = history.sweep().base.id;
  if (history.state().ended)
    return Error{
        Code::invalid, "sweep " + id + " has ended already",
        history.state().outcome == SweepOutcome::complete
            ? fmt::format("`baton sweep resume {} --trials N` adds trials to it, where N is the "
                          "total, more than {}",
                          id, history.state().trials.size())
            : "`baton sweep resume " + id + "` continues it"};
  SweepEvent event;
  event.type = SweepEventType::stop_requested;
  event.reason = "asked for with baton sweep stop";
  auto open = [&](const SweepState& now) -> Status {
    if (!now.ended) return {};
    return Error{Code::invalid, "sweep " + id + " has just ended", ""};
  };
  BATON_TRY(history.append(event, session.ledger->clock().wall_ms(), open));
  if (context.arguments.has("--no-wait")) return 0;
  context.terminal.say("waiting for the last commits of sweep " + id);
  BATON_ASSIGN(bool ended, await_end(session, history));
  // Nobody runs it: its agents, should some be left, are stopped from here.
  if (!ended) BATON_TRY(drive_sweep(context, session, history.sweep(), std::nullopt));
  context.terminal.say("sweep " + id + " is stopped; `baton sweep resume " + id + "` continues it");
  return 0;
}

}  // namespace

Command sweep_stop_command() {
  Command command;
  command.name = "sweep stop";
  command.summary = "commit and stop what runs, then end a sweep; it can be resumed";
  command.examples = "  baton sweep stop latest\n";
  command.positionals = {{"SWEEP", "the sweep", Names::sweep}};
  command.options = {
      {"--no-wait", "", "", "ask, and do not wait for the end"}, quiet_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
