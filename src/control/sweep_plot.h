// A sweep as one page that needs nothing else: value over time, parallel coordinates, slices.
#pragma once

#include <string>
#include <vector>

#include "model/sweep.h"
#include "tune/tune.h"

namespace baton {

// HTML with everything inside. Names and values from outside are data in it, never markup.
std::string sweep_plot(const Sweep& sweep, const SweepState& state,
                       const std::vector<Importance>& importance);

// The page's fixed parts (sweep_plot_page.cc).
extern const char* const kPlotHead;
extern const char* const kPlotScript;

}  // namespace baton
