// TuneOptions as JSON and their checks; the version of what save() writes.
#pragma once

#include "tune/tune.h"

namespace baton {

inline constexpr int64_t kSavedVersion = 2;

Json options_to_json(const TuneOptions& options);
// Code::invalid for members of other types or unknown words; not whether they fit together.
Result<TuneOptions> options_from_json(const Json& json);

// Code::invalid where the options, or options and space, do not fit together (make_tuner()).
Status check_options(const Space& space, const TuneOptions& options);

}  // namespace baton
