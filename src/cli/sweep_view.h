// What `baton sweep` shows while it runs: a live table on a terminal, one line per event elsewhere,
// JSON lines with --json.
#pragma once

#include <memory>

#include "cli/terminal.h"
#include "control/sweep_driver.h"

namespace baton {

struct SweepViewOptions {
  bool json = false;
  bool quiet = false;
};

// `sweep` must outlive the view.
std::unique_ptr<SweepView> make_sweep_view(Terminal& terminal, const Sweep& sweep,
                                           const SweepViewOptions& options);

// The course of a number as a row of `width` blocks, rising where it rises.
std::string sparkline(const std::vector<double>& values, size_t width, bool unicode);
// One event as a line for people; "" for one that tells them nothing.
std::string event_line(const Sweep& sweep, const SweepEvent& event, const SweepState& after);
// How a sweep stands, in one line.
std::string state_line(const Sweep& sweep, const SweepState& state);

}  // namespace baton
