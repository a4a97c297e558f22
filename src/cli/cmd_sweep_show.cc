#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "cli/sweep_view.h"
#include "cli/table.h"
#include "control/sweep_report.h"

namespace baton {
namespace {

constexpr size_t kShown = 10, kSpark = 50;
constexpr size_t kEnough = 4;  // values, for a word on what explains them

std::string bars(const Terminal& terminal, const std::vector<Importance>& importance) {
  std::string text;
  size_t width = 0;
  for (const auto& one : importance) width = std::max(width, one.name.size());
  for (const auto& one : importance) {
    auto cells = static_cast<size_t>(std::lround(one.share * 30));
    std::string bar;
    for (size_t i = 0; i < cells; ++i) bar += terminal.options().unicode ? "█" : "#";
    text +=
        fmt::format("  {:<{}}  {:>3.0f}%  {}\n", printable(one.name), width, one.share * 100, bar);
  }
  return text;
}

std::string explained(const Terminal& terminal, const std::vector<Importance>& importance,
                      size_t values) {
  if (!importance.empty())
    return "\nhow much of the value's variation each parameter explains:\n" +
           bars(terminal, importance);
  if (values < kEnough) return "";
  return "\nno parameter explains any of the value's variation\n";
}

std::string best_trials(Context& context, const SweepHistory& history) {
  const SweepState& state = history.state();
  Table table({"TRIAL", "VALUE", "RAN", "JOB", "PARAMETERS"});
  auto trials = ranked(history.sweep(), state);
  for (size_t i = 0; i < trials.size() && i < kShown; ++i) {
    const SweepTrial& trial = state.trial(trials[i]);
    table.add({std::to_string(trials[i]), short_number(*trial.value),
               human_duration_ms(trial.ran_ms), trial.job, params_text(trial.params)});
  }
  return trials.empty() ? "" : "\n" + table.text(context.terminal);
}

std::string text_of(Context& context, const SweepHistory& history,
                    const std::vector<Importance>& importance) {
  const Sweep& sweep = history.sweep();
  const SweepState& state = history.state();
  SweepLine line = sweep_line(sweep, state);
  std::string text = state_line(sweep, state) + "\n";
  if (!state.ended)
    text += "state: " + line.state +
            (line.abandoned ? " (its process is gone: baton sweep resume " + line.id + ")" : "") +
            "\n";
  const int64_t used =
      line.abandoned ? state.used_ms : used_ms_at(state, context.parts.clock.wall_ms());
  if (!sweep.spec().metric.empty())
    text += fmt::format("{} {} by {}, {} at once, {} so far\n",
                        sweep.spec().maximize ? "maximizes" : "minimizes",
                        printable(sweep.spec().metric), sweep.spec().method, state.parallel,
                        human_duration_ms(used));
  auto best = best_so_far(sweep, state);
  if (best.size() > 1)
    text += fmt::format("best value over time: {}  {} → {}\n",
                        sparkline(best, kSpark, context.terminal.options().unicode),
                        short_number(best.front()), short_number(best.back()));
  text += explained(context.terminal, importance, ranked(sweep, state).size());
  return text + best_trials(context, history);
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  BATON_ASSIGN(auto importance, sweep_importance(history.sweep(), history.state()));
  context.terminal.print(
      context.arguments.has("--json")
          ? pretty_json(describe_sweep(history.sweep(), history.state(),
                                       context.parts.clock.wall_ms(), importance))
          : text_of(context, history, importance));
  return 0;
}

}  // namespace

Command sweep_show_command() {
  Command command;
  command.name = "sweep show";
  command.summary = "how a sweep stands: best trials, and which parameters matter";
  command.examples =
      "  baton sweep show latest\n"
      "  baton sweep show cnn --json | jq .best.params\n";
  command.positionals = {{"SWEEP", "the sweep", Names::sweep}};
  command.options = {json_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
