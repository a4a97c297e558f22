#include "cli/drive_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "cli/submit_job.h"
#include "cli/sweep_view.h"
#include "control/inspect.h"
#include "control/sweep_driver.h"
#include "control/sweep_plan.h"
#include "control/sweep_submit.h"

namespace baton {
namespace {

Result<std::optional<int>> count_option(const Context& context, const std::string& name, int most) {
  if (!context.arguments.has(name)) return std::optional<int>();
  std::string text = context.arguments.text(name);
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most)
    return Error{Code::invalid,
                 fmt::format("{} is {}, expected a whole number from 1 to {}", name,
                             shell_quote(printable(text)), most),
                 ""};
  return std::optional(value);
}

// GPUs that others have now are no room, but for a sweep that is `resumed`: its own trials may be
// the ones that have them.
int slots_here(Context& context, const Session& session, const Sweep& sweep, bool resumed) {
  auto engine = context.parts.make_engine();
  std::string reservations = gpu_reservations(session.settings);
  auto gpus_fit = [&](int gpus) {
    ContainerSpec wanted;
    wanted.gpus = gpus;
    if (!resumed) wanted.reservations = reservations;
    return engine->ready(wanted).ok();
  };
  return machine_slots(sweep.base.spec, gpus_fit);
}

void tell_room(Context& context, int slots, int wanted) {
  if (slots >= wanted) return;
  context.terminal.insist(fmt::format(
      "this machine has room for {} of {} trials at once, by resources", slots, wanted));
}

// A search whose every trial failed has found nothing, whatever it ended by.
Status found_something(const Sweep& sweep, const SweepState& state) {
  const int failed = state.counts[static_cast<size_t>(TrialOutcome::failed)];
  if (sweep.spec().metric.empty() || state.best || failed == 0) return {};
  auto last = std::find_if(state.trials.rbegin(), state.trials.rend(), [](const SweepTrial& trial) {
    return trial.state == SweepTrial::State::closed && trial.outcome == TrialOutcome::failed;
  });
  const auto number = static_cast<uint64_t>(state.trials.rend() - last);
  return Error{
      Code::invalid,
      fmt::format("no trial of sweep {} gave a value of {}: {} failed, trial {} because {}",
                  sweep.base.id, printable(sweep.spec().metric), failed, number,
                  printable(last->reason)),
      fmt::format("`baton logs {}` shows what that one printed", last->job)};
}

// Far away, where each request costs something.
SweepTimes seldom() {
  SweepTimes times;
  times.look = 2'000;
  times.beat = 10'000;
  times.watch = 10'000;
  times.hint = 10'000;
  times.save = 60'000;
  return times;
}

size_t still_running(Ledger& ledger, const SweepState& state) {
  return static_cast<size_t>(
      std::count_if(state.open.begin(), state.open.end(), [&](uint64_t number) {
        auto job = ledger.open(state.trial(number).job);
        return job.ok() && job->summary().state == State::running && !is_abandoned(job->summary());
      }));
}

// What cut the driver off, with a hint at how its sweep goes on, if it does.
Error with_way_on(Session& session, const std::string& id, Error error) {
  if (error.code == Code::fenced) return error;  // it goes on where it runs
  auto history = SweepLedger(*session.store, session.ledger->clock()).open(id);
  const bool unusable =
      history.is(Code::not_found) || history.is(Code::corrupt) || history.is(Code::too_new);
  if (unusable || (history.ok() && history->state().ended)) return error;
  std::string hint = history.ok() && history->state().stop_requested
                         ? "`baton sweep stop " + id + "` tries again"
                         : "`baton sweep resume " + id + "` goes on";
  const size_t running = history.ok() ? still_running(*session.ledger, history->state()) : 0;
  if (running > 0)
    hint += fmt::format("; {} still run{}", counted(running, "trial"), running == 1 ? "s" : "");
  error.hint += (error.hint.empty() ? "" : "\n") + hint;
  return error;
}

// The exit status of a sweep that its driver has left in this state.
Result<int> tell_end(Context& context, const Sweep& sweep, SweepEnd end,
                     const SweepDriver& driver) {
  const std::string& id = sweep.base.id;
  const SweepState& state = driver.state();
  if (end == SweepEnd::taken) {
    context.terminal.say("another process has just begun to run sweep " + id +
                         "; it goes on with what was asked for here");
    return 0;
  }
  if (end == SweepEnd::ended && state.outcome == SweepOutcome::failed)
    return Error{Code::invalid, "sweep " + id + " cannot go on: " + state.reason,
                 driver.remedy().empty()
                     ? "`baton sweep resume " + id + "` tries again; `baton sweep show " + id +
                           "` shows what there is"
                     : driver.remedy()};
  if (end == SweepEnd::ended && state.outcome != SweepOutcome::stopped) {
    BATON_TRY(found_something(sweep, state));
    return 0;
  }
  context.terminal.insist("sweep " + id + " is interrupted; `baton sweep resume " + id +
                          "` continues it");
  return kExitInterrupted;
}

}  // namespace

Option trials_option() { return {"--trials", "-n", "N", "how many trials in all"}; }
Option parallel_option() { return {"--parallel", "-p", "N", "how many at once at most"}; }
Option time_option() { return {"--time", "", "TIME", "how long in all, as in 6h"}; }
Option target_option() { return {"--target", "", "VALUE", "end when a trial is as good as this"}; }

Result<SweepEvent> limits_asked_for(const Context& context) {
  SweepEvent event;
  BATON_ASSIGN(event.trials, count_option(context, "--trials", kMaxTrials));
  BATON_ASSIGN(event.parallel, count_option(context, "--parallel", kMaxParallel));
  if (context.arguments.has("--time")) {
    event.time_ms = parse_duration_ms(context.arguments.text("--time"));
    if (!event.time_ms || *event.time_ms < 1 || *event.time_ms > kMaxSweepMs)
      return Error{Code::invalid, "--time expects a duration such as 30m or 6h, 3650d at most", ""};
  }
  if (context.arguments.has("--target")) {
    std::string text = context.arguments.text("--target");
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
      return Error{Code::invalid, "--target expects a number such as 0.93",
                   "a target that no trial can reach lifts it"};
    event.target = value;
  }
  return event;
}

Result<SweepHistory> open_sweep(Session& session, const std::string& word,
                                SweepHistory::Listener listener) {
  BATON_ASSIGN(std::string id, resolve_sweep(session, word));
  return SweepLedger(*session.store, session.ledger->clock()).open(id, std::move(listener));
}

Status check_limits(const SweepHistory& history, SweepEvent limits) {
  if (!history.state().ended) return {};
  SweepState resumed = history.state();
  limits.type = SweepEventType::resumed;
  apply(resumed, limits, history.sweep().spec());
  SweepFacts facts;
  facts.used_ms = resumed.used_ms;
  auto limit = reached_limit(resumed, facts, history.sweep().spec().maximize);
  if (!limit) return {};
  const std::string& id = history.sweep().base.id;
  const bool target = limit->outcome == SweepOutcome::target;
  return Error{Code::invalid, fmt::format("sweep {} would end at once: {}", id, limit->reason),
               fmt::format("`baton sweep resume {} {}` gives it {}", id,
                           target ? "--target VALUE" : "--time TIME",
                           target ? "a better one" : "more, counted from its beginning")};
}

std::string way_on(const SweepHistory& history) {
  if (Status limits = check_limits(history, {}); !limits.ok()) return limits.error().hint;
  const std::string& id = history.sweep().base.id;
  const SweepState& state = history.state();
  if (state.ended && state.outcome == SweepOutcome::complete)
    return fmt::format(
        "`baton sweep resume {} --trials N` adds trials to it, where N is the total, more than {}",
        id, state.trials.size());
  return "`baton sweep resume " + id + "` continues it";
}

void tell_room_here(Context& context, const Session& session, const Sweep& sweep, int wanted) {
  tell_room(context, slots_here(context, session, sweep, true), wanted);
}

Result<int> drive_sweep(Context& context, Session& session, const Sweep& sweep,
                        const std::optional<SweepEvent>& resume, int wanted) {
  Parts& parts = context.parts;
  BATON_ASSIGN(Fd signals, parts.open_signals());
  LaunchRequest request{"", session.settings.store, session.settings.home, {}};
  for (const auto& name : sweep.base.spec.secrets)
    if (auto value = parts.environment(name)) request.secrets.emplace_back(name, *value);
  auto runner = make_trial_agents(parts.self_path, request, signals.get());
  auto view = make_sweep_view(context.terminal, sweep,
                              {context.arguments.has("--json"), context.arguments.has("--quiet")});
  SweepLedger sweeps(*session.store, parts.clock);
  const int slots = slots_here(context, session, sweep, resume.has_value());
  tell_room(context, slots, wanted);
  const bool far = session.store->concurrency() > 0;
  SweepParts sweep_parts{sweeps, *session.ledger,       parts.clock, *runner,
                         *view,  AgentIdentity::self(), slots,       far ? seldom() : SweepTimes()};
  SweepDriver driver(sweep_parts);
  auto end = driver.run(sweep.base.id, resume);
  context.terminal.block({});
  if (!end.ok()) return with_way_on(session, sweep.base.id, end.error());
  return tell_end(context, sweep, *end, driver);
}

}  // namespace baton
