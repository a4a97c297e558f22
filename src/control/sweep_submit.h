// From a spec to a sweep in the store.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/submit.h"
#include "ledger/sweeps.h"
#include "model/sweep.h"

namespace baton {

// What the spec's reader cannot tell: that the optimiser takes the options, and that each parameter
// is used somewhere, in the command or in a file of the code. `base` as read_sweep_spec() gives it.
// Code::invalid.
Status check_sweep(const Job& base);

// Known points for a sweep like `base` from the closed trials of `other` (and from what that one
// began with). Code::invalid when the two do not optimise the same, or no point fits; `left_out`
// counts those that do not.
Result<std::vector<WarmPoint>> warm_points(const Job& base, const SweepHistory& other,
                                           size_t& left_out);

// Writes the sweep, in the order that docs/store-format.md, section 11 demands.
Status submit_sweep(SubmitParts& parts, SweepLedger& sweeps, Sweep& sweep);

// How many trials like this one fit this machine at once, at least one: by cpus, memory and GPUs.
// `gpus_fit` tells whether the machine has so many GPUs of one kind.
int machine_slots(const Spec& spec, const std::function<bool(int gpus)>& gpus_fit);

}  // namespace baton
