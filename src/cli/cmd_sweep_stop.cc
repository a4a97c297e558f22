#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"

namespace baton {
namespace {

constexpr int64_t kPollMs = 200;
constexpr int64_t kBeatTtlMs = 30'000;

enum class Seen { ended, resumed, unattended };

// Until the sweep has ended, somebody has resumed it, or its driver is known to be gone.
Result<Seen> await_end(Session& session, SweepHistory& history) {
  SweepLedger sweeps(*session.store, session.ledger->clock());
  BeatWatch watch(session.ledger->clock(), kBeatTtlMs);
  while (true) {
    BATON_TRY(history.refresh());
    const SweepState& state = history.state();
    if (state.ended) return Seen::ended;
    if (!state.stop_requested) return Seen::resumed;
    if (!state.driver || driver_is_gone(*state.driver)) return Seen::unattended;
    BATON_ASSIGN(std::string beat, sweeps.read_beat(history.sweep().base.id, state.driver->number));
    if (watch.stale(beat)) return Seen::unattended;
    session.ledger->clock().sleep_ms(kPollMs);
  }
}

void tell_end(Context& context, const SweepHistory& history) {
  const SweepState& state = history.state();
  const std::string& id = history.sweep().base.id;
  if (state.outcome == SweepOutcome::stopped)
    return context.terminal.say("sweep " + id + " is stopped; " + way_on(history));
  context.terminal.insist(fmt::format(
      "sweep {} has ended meanwhile: {}; {}", id,
      state.reason.empty() ? sweep_outcome_name(state.outcome) : printable(state.reason),
      way_on(history)));
}

Result<int> run(Context& context) {
  set_talk(context);
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  const std::string& id = history.sweep().base.id;
  if (history.state().ended)
    return Error{Code::invalid, "sweep " + id + " has ended already", way_on(history)};
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
  BATON_ASSIGN(Seen seen, await_end(session, history));
  if (seen == Seen::resumed)
    return Error{Code::invalid, "sweep " + id + " was resumed meanwhile, and goes on",
                 "`baton sweep stop " + id + "` asks again"};
  if (seen == Seen::unattended) {  // its agents, should some be left, are stopped from here
    BATON_ASSIGN(int status, drive_sweep(context, session, history.sweep(), std::nullopt, 0));
    BATON_TRY(history.refresh());
    if (!history.state().ended) return status;
  }
  tell_end(context, history);
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
