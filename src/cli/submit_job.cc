#include "cli/submit_job.h"

#include "cli/commands.h"
#include "control/submit.h"
#include "engine/engine.h"
#include "os/files.h"

namespace baton {
namespace {

Result<Job> read_request(const Context& context) {
  BATON_ASSIGN(PlanRequest request, plan_request(context));
  return read_spec(request);
}

}  // namespace

std::string gpu_reservations(const Settings& settings) {
  std::string directory = settings.home + "/run/gpus";
  return is_directory(directory) ? directory : "";
}

Status check_machine(Context& context, const Job& job) {
  BATON_ASSIGN(Settings settings, load_settings(context.parts.environment, ""));
  ContainerSpec wanted;
  wanted.gpus = job.spec.gpus;
  wanted.cdi_devices = job.spec.devices;
  wanted.reservations = gpu_reservations(settings);
  return context.parts.make_engine()->ready(wanted);
}

int exit_of_inputs(const Status& inputs) {
  return inputs.is(Code::invalid) || inputs.is(Code::not_found) ? kExitUsage : kExitError;
}

Result<PlanRequest> plan_request(const Context& context) {
  PlanRequest request;
  request.spec = context.arguments.text("SPEC", ".");
  request.name = context.arguments.text("--name");
  for (const auto& text : context.arguments.all("--set")) {
    BATON_ASSIGN(Override change, parse_override(text));
    request.overrides.push_back(change);
  }
  return request;
}

std::vector<Positional> spec_positionals() {
  return {{"SPEC", "the spec, or a directory with a baton.yaml (default: this one)", Names::file,
           false}};
}

std::vector<Option> spec_options(const std::string& what) {
  return {{"--set", "-s", "KEY=VALUE", "override a key of the spec, as in params.lr=0.1",
           Names::text, true},
          {"--name", "", "NAME", "name the " + what + ", instead of the spec's name"}};
}

Result<Submitted> submit_job(Context& context, int& exit) {
  exit = kExitUsage;
  BATON_ASSIGN(Job job, read_request(context));
  Parts& parts = context.parts;
  Status inputs = check_inputs(job, parts.environment, parts.clock);
  exit = exit_of_inputs(inputs);
  BATON_TRY(inputs);
  BATON_TRY(check_machine(context, job));
  Submitted submitted;
  BATON_ASSIGN(submitted.session, make_session(context));
  BATON_ASSIGN(job, freeze(job, parts.environment, parts.version, parts.clock));
  auto images = parts.make_images(submitted.session.settings.home);
  TerminalProgress progress(context.terminal);
  SubmitParts submit_parts{*submitted.session.ledger, *images, progress, submitted.session.settings,
                           data_opener(parts)};
  BATON_ASSIGN(submitted.job, submit(submit_parts, job));
  return submitted;
}

}  // namespace baton
