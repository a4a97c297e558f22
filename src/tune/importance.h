// How much of the value's variation each parameter explains (functional ANOVA over a forest;
// Hutter, Hoos, Leyton-Brown, ICML 2014).
#pragma once

#include <vector>

#include "tune/trials.h"

namespace baton {

// Empty with fewer than 4 done trials, and where no parameter explains anything: all values may be
// the same. In the order of the space's dimensions; shares sum to 1.
std::vector<Importance> parameter_importance(const TrialTable& table);

}  // namespace baton
