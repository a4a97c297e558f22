#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "cli/submit_job.h"
#include "control/plan.h"
#include "control/sweep_submit.h"
#include "os/files.h"

namespace baton {
namespace {

// The value that an override gives a parameter, empty where it gives none.
std::optional<std::string> given_value(const Override& change, const std::string& name,
                                       const Params& params) {
  if (change.path == "params." + name) return change.value;
  const Json* value = change.path == "params" ? find_param(params, name) : nullptr;
  return value ? std::optional(param_text(*value)) : std::nullopt;
}

// A value for what is searched would be replaced in every trial, unless not every trial has one.
Status check_overrides(const std::vector<Override>& overrides, const Spec& spec) {
  for (const auto& change : overrides)
    for (const auto& dimension : spec.sweep->space.dimensions) {
      auto value = given_value(change, dimension.name, spec.params);
      if (value && dimension.when.empty())
        return Error{Code::invalid,
                     fmt::format("--set {} gives {} a value, but the sweep searches it",
                                 printable(change.path), printable(dimension.name)),
                     fmt::format("change what is searched, as in --set "
                                 "'sweep.parameters.{0}=[{1}]', or take {0} out of "
                                 "sweep.parameters",
                                 printable(dimension.name), printable(*value))};
    }
  return {};
}

// "sweep shwo": a spec of such a name would have been meant otherwise.
Error near_command(const std::string& word, const Error& error) {
  auto near = did_you_mean(word, {"ls", "show", "results", "plot", "stop", "resume", "rm"});
  if (near && error.code == Code::not_found && !exists(word))
    return {error.code, error.message, "did you mean baton sweep " + *near + "?"};
  return error;
}

Result<Job> read_request(const Context& context) {
  BATON_ASSIGN(PlanRequest request, plan_request(context));
  for (const std::string key : {"trials", "parallel"})
    if (const std::string option = "--" + key; context.arguments.has(option))
      request.overrides.push_back({"sweep." + key, context.arguments.text(option), option});
  auto read = read_sweep_spec(request);
  if (!read.ok()) return near_command(request.spec, read.error());
  Job job = std::move(*read);
  BATON_TRY(check_overrides(request.overrides, job.spec));
  BATON_TRY(check_sweep(job));
  return job;
}

Result<std::vector<WarmPoint>> read_warm(Context& context, Session& session, const Job& base) {
  std::string from = context.arguments.text("--warm-from");
  if (from.empty()) return std::vector<WarmPoint>();
  BATON_ASSIGN(SweepHistory other, open_sweep(session, from));
  size_t left_out = 0;
  BATON_ASSIGN(auto points, warm_points(base, other, left_out));
  context.terminal.insist(fmt::format(
      "begins with {} of sweep {}{}", counted(points.size(), "known trial"), other.sweep().base.id,
      left_out ? fmt::format("; {} {} not fit", left_out, left_out == 1 ? "does" : "do") : ""));
  return points;
}

Result<int> run(Context& context) {
  set_talk(context);
  auto base = read_request(context);
  if (!base) return refuse_usage(context, base.error());
  Parts& parts = context.parts;
  if (Status inputs = check_inputs(*base, parts.environment, parts.clock); !inputs.ok()) {
    context.terminal.fail(inputs.error());
    return exit_of_inputs(inputs);
  }
  BATON_TRY(check_machine(context, *base));
  BATON_ASSIGN(Session session, make_session(context));
  Sweep sweep;
  BATON_ASSIGN(sweep.warm, read_warm(context, session, *base));
  BATON_ASSIGN(sweep.base, freeze(*base, parts.environment, parts.version, parts.clock));
  auto images = parts.make_images(session.settings.home);
  TerminalProgress progress(context.terminal);
  SubmitParts submit_parts{*session.ledger, *images, progress, session.settings,
                           data_opener(parts)};
  SweepLedger sweeps(*session.store, parts.clock);
  BATON_TRY(submit_sweep(submit_parts, sweeps, sweep));
  if (!context.arguments.has("--json") && !context.arguments.has("--quiet"))
    context.terminal.print(fmt::format(
        "sweep {} ({}): {} by {}, {} at once\n", sweep.base.id, sweep.base.spec.name,
        sweep.spec().trials ? counted(static_cast<uint64_t>(sweep.spec().trials), "trial")
                            : "trials",
        sweep.spec().method, sweep.spec().parallel));
  return drive_sweep(context, session, sweep, std::nullopt, sweep.spec().parallel);
}

}  // namespace

Command sweep_command() {
  Command command;
  command.name = "sweep";
  command.summary = "search over parameters: many trials of one spec, in parallel";
  command.details =
      "The spec says what to search under `sweep:` (docs/sweeps.md). Every trial is a job. Ctrl-C "
      "stops the\n"
      "sweep and its trials after a commit; baton sweep resume goes on. The exit status is 0 when "
      "the sweep has\n"
      "come to its end, 1 when every trial failed, 75 when it was interrupted, 2 when the spec is "
      "wrong.";
  command.examples =
      "  baton sweep\n"
      "  baton sweep cnn.yaml --trials 60 --parallel 4\n"
      "  baton sweep cnn.yaml --warm-from latest > events.txt\n"
      "  baton sweep show latest\n";
  command.positionals = spec_positionals();
  command.options = spec_options("sweep");
  for (const auto& option :
       {trials_option(), parallel_option(),
        Option{"--warm-from", "", "SWEEP", "begin with what another sweep has found", Names::sweep},
        Option{"--json", "", "", "print events as JSON lines"}, store_option(), quiet_option()})
    command.options.push_back(option);
  command.run = run;
  return command;
}

}  // namespace baton
