// bayes: Gaussian-process optimisation with trials in parallel. See docs/tuning.md.
#pragma once

#include <string>
#include <vector>

namespace baton {

// The names that TuneOptions::acquisition takes for the method bayes.
const std::vector<std::string>& bayes_acquisitions();

}  // namespace baton
