// Where in the space an acquisition is largest.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "tune/acquisition.h"
#include "tune/features.h"

namespace baton {

struct SearchOptions {
  size_t global = 256;         // candidates anywhere
  size_t local = 48;           // candidates around each centre
  size_t refined = 4;          // how many of the best candidates are moved uphill
  int evaluations = 40;        // for each of them
  std::vector<Point> centres;  // good points so far, the best first; may be empty
  // Typical distance of local candidates, by dimension of the space; 0 … 1.
  std::vector<double> reach;
  // Only this box; empty: the whole cube.
  Point low, high;
};

// The best unseen (snapped) point found, none when all candidates were seen. `seen` tells whether a
// snapped point is taken.
std::optional<Point> search(const Features& features, const Acquisition& acquisition,
                            const std::function<bool(const Point&)>& seen,
                            const SearchOptions& options, Rng rng);

}  // namespace baton
