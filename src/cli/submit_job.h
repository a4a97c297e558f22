// From the words of `run`, `submit` and `sweep` to a job in the store.
#pragma once

#include <vector>

#include "cli/session.h"
#include "control/plan.h"

namespace baton {

// The positional and the options that say what to run.
std::vector<Positional> spec_positionals();
// `what` it is that they name: "job".
std::vector<Option> spec_options(const std::string& what);

// What these say. Code::invalid for a malformed --set.
Result<PlanRequest> plan_request(const Context& context);

// The exit status for what check_inputs() (control/plan.h) said: kExitUsage where the spec names
// what is not there.
int exit_of_inputs(const Status& inputs);

// Whether this machine could run it at all, and has its GPUs free: better said now than by a job
// that cannot start.
Status check_machine(Context& context, const Job& job);
// Where the GPUs in use are written down, "" while none has been.
std::string gpu_reservations(const Settings& settings);

struct Submitted {
  Session session;
  Job job;
};

// Reads and checks the spec, makes the image and writes the job. A spec that is wrong is
// Code::invalid or Code::unsupported and sets `exit` to kExitUsage; other errors set it to
// kExitError.
Result<Submitted> submit_job(Context& context, int& exit);

}  // namespace baton
