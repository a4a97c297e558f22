// Pictures of metrics: for a terminal, and as a file.
//
// Series of one kind ("train_loss", "val_loss") share a panel; each kind has its own axis. What is
// not finite, or beyond 1e300, is left out; long series are thinned so that every peak stays; a
// logarithmic axis is used where a linear one would hide most of the values.
#pragma once

#include <string>
#include <vector>

#include "model/metrics.h"

namespace baton {

struct TerminalStyle {
  int width = 80;      // columns, at least 30
  int height = 12;     // lines of one panel, axis and title included; at least 5
  bool utf8 = true;    // braille dots; otherwise ASCII
  bool color = false;  // ANSI colours
};

// Ends with a newline. A sentence that says so where there is nothing to plot.
std::string terminal_plot(const std::vector<MetricSeries>& series, const TerminalStyle& style);

// One self-contained SVG 1.1 file without scripts, legible on light and dark backgrounds (it
// follows prefers-color-scheme). Names and title may be any text.
std::string svg_plot(const std::vector<MetricSeries>& series, const std::string& title);

}  // namespace baton
