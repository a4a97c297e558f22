#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "control/plan.h"

namespace baton {
namespace {

bool has_limits(const SweepEvent& event) {
  return event.trials || event.parallel || event.time_ms || event.target;
}

// New limits for a sweep that another process runs: that one goes by them. Code::not_found when it
// has just ended, and nobody would.
Status extend(Context& context, Session& session, SweepHistory& history, SweepEvent event) {
  event.type = SweepEventType::resumed;
  auto driven = [](const SweepState& now) -> Status {
    return now.driver ? Status() : Error{Code::not_found, "no process runs the sweep now", ""};
  };
  BATON_TRY(history.refresh());
  BATON_TRY(driven(history.state()));
  BATON_TRY(history.append(event, session.ledger->clock().wall_ms(), driven));
  if (event.parallel && history.state().driver->boot == AgentIdentity::self().boot)
    tell_room_here(context, session, history.sweep(), *event.parallel);
  context.terminal.say("sweep " + history.sweep().base.id + " goes on with the new limits");
  return {};
}

Result<int> drive_here(Context& context, Session& session, const SweepHistory& history,
                       const SweepEvent& limits) {
  const Sweep& sweep = history.sweep();
  BATON_TRY(check_resumed_inputs(sweep.base, context.parts.environment, context.parts.clock));
  return drive_sweep(context, session, sweep, limits,
                     limits.parallel.value_or(history.state().parallel));
}

// A driver on this machine is alive or known to be gone; another machine's may have vanished, and
// is watched before it is taken for alive.
Result<int> extend_or_drive(Context& context, Session& session, SweepHistory& history,
                            const SweepEvent& limits) {
  const auto& driver = history.state().driver;
  if (!driver || driver_is_gone(*driver) || !has_limits(limits))
    return drive_here(context, session, history, limits);
  if (driver->boot != AgentIdentity::self().boot) {
    auto driven = drive_here(context, session, history, limits);
    if (!driven.is(Code::fenced)) return driven;
  }
  Status extended = extend(context, session, history, limits);
  if (extended.is(Code::not_found)) return drive_here(context, session, history, limits);
  if (!extended.ok()) return extended.error();
  return 0;
}

std::string more_than(size_t trials) {
  return fmt::format("--trials is the total: give more than {}", trials);
}

// Code::invalid when the sweep has begun more trials than `limits` would have in all.
Status check_total(const SweepHistory& history, const SweepEvent& limits) {
  const size_t begun = history.state().trials.size();
  if (!limits.trials || static_cast<size_t>(*limits.trials) >= begun) return {};
  return Error{Code::invalid,
               fmt::format("--trials {} is less than what sweep {} has begun already: {}",
                           *limits.trials, history.sweep().base.id, counted(begun, "trial")),
               more_than(begun)};
}

Result<int> run(Context& context) {
  set_talk(context);
  auto limits = limits_asked_for(context);
  if (!limits) return refuse_usage(context, limits.error());
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  const SweepState& state = history.state();
  const std::string& id = history.sweep().base.id;
  bool done = state.ended && state.outcome == SweepOutcome::complete;
  bool more = limits->trials && *limits->trials > static_cast<int>(state.trials.size());
  if (done && !more && state.open.empty())
    return Error{
        Code::invalid,
        fmt::format("sweep {} is complete, with {}{}", id, counted(state.trials.size(), "trial"),
                    state.reason.empty() ? "" : ": " + printable(state.reason)),
        limits->trials ? more_than(state.trials.size())
                       : "`baton sweep resume " + id + " --trials N` adds trials to it"};
  if (auto total = check_total(history, *limits); !total.ok())
    return refuse_usage(context, total.error());
  BATON_TRY(check_limits(history, *limits));
  return extend_or_drive(context, session, history, *limits);
}

}  // namespace

Command sweep_resume_command() {
  Command command;
  command.name = "sweep resume";
  command.summary = "go on with a sweep, or extend one, here";
  command.details =
      "No trial is lost and none is run twice, wherever the sweep was cut off. Trials that run "
      "still are waited\n"
      "for. A sweep that has ended goes on with new limits; one that another process runs gets "
      "them "
      "there.";
  command.examples =
      "  baton sweep resume latest\n"
      "  baton sweep resume cnn --trials 100\n";
  command.positionals = {{"SWEEP", "the sweep", Names::sweep}};
  command.options = {trials_option(),
                     parallel_option(),
                     time_option(),
                     target_option(),
                     {"--json", "", "", "print events as JSON lines"},
                     store_option(),
                     quiet_option()};
  command.run = run;
  return command;
}

}  // namespace baton
