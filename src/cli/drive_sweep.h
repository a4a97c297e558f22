// Drives a sweep in this process: what `sweep`, `sweep resume` and `sweep stop` share.
#pragma once

#include <optional>

#include "cli/session.h"
#include "ledger/sweeps.h"

namespace baton {

// Returns the exit status: 0 when the sweep has come to its end, kExitInterrupted when it can be
// resumed. `resume` as SweepDriver::run() takes it.
Result<int> drive_sweep(Context& context, Session& session, const Sweep& sweep,
                        const std::optional<SweepEvent>& resume);

// The sweep that the argument SWEEP names, with its history.
Result<SweepHistory> open_sweep(Session& session, const std::string& word,
                                SweepHistory::Listener listener = {});

// --trials and --parallel, each where it was given. Code::invalid for what is no such number.
Result<SweepEvent> limits_asked_for(const Context& context);

Option trials_option();
Option parallel_option();
Option time_option();
Option target_option();

}  // namespace baton
