// Hands a job to a launcher and follows it: what submit and resume --detach share.
#pragma once

#include "cli/session.h"

namespace baton {

// Starts an agent for the job; it survives this process.
Status launch_job(Context& context, const Session& session, const Job& job);

// Passes the program's output through until the job ends. Returns the exit status: the program's,
// or kExitInterrupted once nobody runs the job any more.
Result<int> follow_job(Context& context, Session& session, const std::string& id);

}  // namespace baton
