// From the words of `run` and `submit` to a job in the store.
#pragma once

#include <vector>

#include "cli/session.h"

namespace baton {

// The positional and the options that say what to run.
std::vector<Positional> spec_positionals();
std::vector<Option> spec_options();

struct Submitted {
  Session session;
  Job job;
};

// Reads and checks the spec, makes the image and writes the job. A spec that is wrong is
// Code::invalid or Code::unsupported and sets `exit` to kExitUsage; other errors set it to
// kExitError.
Result<Submitted> submit_job(Context& context, int& exit);

}  // namespace baton
