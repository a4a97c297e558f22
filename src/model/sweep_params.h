// Params as a JSON object and back; for the files that make up sweep.h.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/space.h"

namespace baton {

Json params_object(const Params& params);
// holder["params"]. Code::corrupt when it is missing, or holds anything but plain values.
Result<Params> read_params_object(const Json& holder, const std::string& what);

}  // namespace baton
