// Requests: what people ask of a job from any machine. Each is an event that the job's agent reads.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "ledger/ledger.h"

namespace baton {

// Asks that the job be stopped. A job that nobody runs is stopped at once; the agent of a running
// one commits and stops. Code::invalid when the job is final.
Status request_stop(Ledger& ledger, History& history, const std::string& reason);

// Asks that the running attempt be preempted. Code::invalid when none runs.
Status request_preempt(Ledger& ledger, History& history, const std::string& reason);

// Puts a final job that has not succeeded back to pending; pending and running jobs are left as
// they are. Code::invalid when it has succeeded.
Status request_resume(Ledger& ledger, History& history, const std::string& reason);

// Ends the attempt of an owner that is known to be gone; somebody else having done so is as good.
Status end_as_lost(Ledger& ledger, History& history);

// Waits until the job is final, ending the attempt as lost when its agent is gone or its heartbeat
// stands still for `ttl_ms`. `waiting` is called about ten times a second; false gives up with
// Code::cancelled.
Status await_stopped(Ledger& ledger, History& history, int64_t ttl_ms,
                     const std::function<bool()>& waiting);

}  // namespace baton
