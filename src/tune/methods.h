// The methods by name, for make_tuner(): each makes a tuner whose space and options were checked.
#pragma once

#include <memory>

#include "tune/trials.h"

namespace baton {

using TunerPtr = std::unique_ptr<MethodTuner>;

TunerPtr make_random(Space space, TuneOptions options);
TunerPtr make_sobol(Space space, TuneOptions options);  // scrambled; see sobol.h
TunerPtr make_grid(Space space, TuneOptions options);
TunerPtr make_tpe(Space space, TuneOptions options);
TunerPtr make_asha(Space space, TuneOptions options);
TunerPtr make_hyperband(Space space, TuneOptions options);
TunerPtr make_pbt(Space space, TuneOptions options);
TunerPtr make_bayes(Space space, TuneOptions options);

}  // namespace baton
