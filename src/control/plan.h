// Plan: a spec file → a job that is checked and complete but for its image, without writing
// anything.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/settings.h"
#include "model/job.h"
#include "model/spec.h"
#include "os/clock.h"

namespace baton {

struct PlanRequest {
  std::string spec;                 // a file, or a directory with a baton.yaml in it
  std::vector<Override> overrides;  // --set, and options that stand for one
  std::string name;                 // instead of the spec's; "": the spec's
};

// Reads the spec and resolves its paths against the spec's directory. Nothing else is looked at.
// A spec with a sweep gives one job with the values in `params`; Code::invalid where there are
// none.
Result<Job> read_spec(const PlanRequest& request);
// The same for a spec with a sweep, which stays in it; the command is not substituted.
Result<Job> read_sweep_spec(const PlanRequest& request);

// Checks what the job needs of this machine: data and code directories, a place for results,
// secrets. Every error is one sentence with what to do. URLs are read, and nothing asked of them.
Status check_inputs(const Job& job, const Environment& environment, Clock& clock);
// The same for one that is in the store: its code is there too, so the directory it came from may
// be gone.
Status check_resumed_inputs(const Job& job, const Environment& environment, Clock& clock);

// Fills in id, nonce, time, command after substitution, and where it all came from.
Result<Job> freeze(Job job, const Environment& environment, const std::string& version,
                   Clock& clock);

}  // namespace baton
