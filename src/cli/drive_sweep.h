// Drives a sweep in this process: what `sweep`, `sweep resume` and `sweep stop` share.
#pragma once

#include <optional>

#include "cli/session.h"
#include "ledger/sweeps.h"

namespace baton {

// Returns the exit status: 0 when the sweep has come to its end, kExitInterrupted when it can be
// resumed. `resume` as SweepDriver::run() takes it. `wanted`: how many trials are to run at once;
// it is told where this machine has room for fewer.
Result<int> drive_sweep(Context& context, Session& session, const Sweep& sweep,
                        const std::optional<SweepEvent>& resume, int wanted);
// Tells the same of a sweep that another process of this machine runs.
void tell_room_here(Context& context, const Session& session, const Sweep& sweep, int wanted);

// The sweep that the argument SWEEP names, with its history.
Result<SweepHistory> open_sweep(Session& session, const std::string& word,
                                SweepHistory::Listener listener = {});

// --trials and --parallel, each where it was given. Code::invalid for what is no such number.
Result<SweepEvent> limits_asked_for(const Context& context);

// Code::invalid when an ended sweep would end at once again: by a limit that `limits` leaves. The
// hint names the option that lifts it.
Status check_limits(const SweepHistory& history, SweepEvent limits);
// What `baton sweep resume` needs so that a sweep goes on that stands like this, as a hint.
std::string way_on(const SweepHistory& history);

Option trials_option();
Option parallel_option();
Option time_option();
Option target_option();

}  // namespace baton
