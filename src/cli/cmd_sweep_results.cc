#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "cli/table.h"
#include "control/sweep_report.h"

namespace baton {
namespace {

// A terminal is not steered by what stands in a choice or a reason.
std::string for_stdout(const Terminal& terminal, const std::string& csv) {
  if (!terminal.options().out_is_terminal) return csv;
  std::string shown;
  for (const std::string& line : split(csv, '\n'))
    shown += (shown.empty() ? "" : "\n") + printable(line);
  return shown;
}

// What is paused has no value yet, only what it reported last.
std::string value_text(const SweepTrial& trial) {
  if (trial.value) return short_number(*trial.value);
  if (trial.state != SweepTrial::State::paused || trial.reports.empty()) return "-";
  const auto& [step, value] = trial.reports.back();
  return fmt::format("{} at step {}", short_number(value), step);
}

std::string table(Context& context, const SweepState& state) {
  Table table({"TRIAL", "STATE", "VALUE", "ATTEMPTS", "RAN", "JOB", "PARAMETERS"});
  for (size_t i = 0; i < state.trials.size(); ++i) {
    const SweepTrial& trial = state.trials[i];
    // An attempt that runs counts no time yet.
    const bool closed = trial.state == SweepTrial::State::closed;
    table.add({std::to_string(i + 1), trial_state_text(state, trial), value_text(trial),
               std::to_string(trial.attempts),
               closed || trial.ran_ms > 0 ? human_duration_ms(trial.ran_ms) : "-", trial.job,
               params_text(trial.params)});
  }
  return table.text(context.terminal);
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  SweepState state = history.state();
  BATON_TRY(add_open_attempts(*session.ledger, state));
  if (context.arguments.has("--json")) {
    Json trials = Json::array();
    for (size_t i = 0; i < state.trials.size(); ++i) trials.push_back(describe_trial(state, i + 1));
    context.terminal.print(pretty_json(trials));
  } else if (context.arguments.has("--csv")) {
    context.terminal.print(for_stdout(context.terminal, trials_csv(history.sweep(), state)));
  } else {
    context.terminal.print(table(context, state));
  }
  return 0;
}

}  // namespace

Command sweep_results_command() {
  Command command;
  command.name = "sweep results";
  command.summary = "all trials of a sweep, as table, CSV or JSON";
  command.examples =
      "  baton sweep results latest\n"
      "  baton sweep results cnn --csv > trials.csv\n";
  command.positionals = {{"SWEEP", "the sweep", Names::sweep}};
  command.options = {
      {"--csv", "", "", "print CSV, one column a parameter"}, json_option(), store_option()};
  command.one_of = {"--csv", "--json"};
  command.run = run;
  return command;
}

}  // namespace baton
