// What a sweep's records say, put together for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "ledger/sweeps.h"
#include "tune/tune.h"

namespace baton {

// The sweep's events tell how often and how long a trial ran when it is closed. For the open ones,
// which are no more than run at once, this adds what their jobs' records say so far.
Status add_open_attempts(Ledger& ledger, SweepState& state);
// trial_state_name(), but "interrupted" for one that has run and waits for its ended sweep to go
// on. Precondition: add_open_attempts().
std::string trial_state_text(const SweepState& state, const SweepTrial& trial);

// One trial, as `baton sweep results --json` prints it.
Json describe_trial(const SweepState& state, uint64_t number);
// The sweep without its trials, as `baton sweep show --json` prints it.
Json describe_sweep(const Sweep& sweep, const SweepState& state, int64_t now_ms,
                    const std::vector<Importance>& importance);
// All trials, a line each, in the order asked; RFC 4180. A parameter named like another column is
// "params.NAME" there.
std::string trials_csv(const Sweep& sweep, const SweepState& state);

// What a paused trial's reports are worth, which is not its value: they may have been early ones.
// None for a trial that is not paused.
std::optional<double> paused_value(const SweepTrial& trial, const SweepSpec& spec);

// How much each parameter matters, by all closed and paused trials and known points; empty without
// a metric. Paused ones count as those stopped early do: left out, only good ones would remain.
Result<std::vector<Importance>> sweep_importance(const Sweep& sweep, const SweepState& state);

// Trials with a value, the best first: of equal ones state.best, then in the order asked.
std::vector<uint64_t> ranked(const Sweep& sweep, const SweepState& state);
// Best value so far after each trial that was closed with a value, in the order of closing.
std::vector<double> best_so_far(const Sweep& sweep, const SweepState& state);

// "lr=0.001 width=64".
std::string params_text(const Params& params);
// A number as people read it, six digits.
std::string short_number(double value);

}  // namespace baton
