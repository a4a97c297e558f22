// Runs attempts at a job in this process and tells how it went: what run, resume and agent share.
#pragma once

#include <optional>

#include "cli/session.h"

namespace baton {

struct DriveOptions {
  bool wait_for_owner = false;         // wait until a silent owner's heartbeat is stale
  bool show_output = true;             // pass the program's output through
  std::optional<History> opened = {};  // the job's, where it was opened just now
};

// Returns the exit status: the program's, or kExitInterrupted when the job can be resumed. Must be
// called before this process has other threads.
Result<int> drive_job(Context& context, Session& session, const Job& job, DriveOptions options);

// The exit status of a job that is not running any more.
int job_exit(State state, Outcome outcome, const ExitStatus& program);

}  // namespace baton
