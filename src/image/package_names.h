// Names of packages as users write them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/apt.h"

namespace baton {

// Whether every requested package ("name" or "name=version") exists in the lists of `apt`.
// Code::invalid naming the first one that does not and what may have been meant: a similar name,
// Debian's name of a Python package, the packages that provide a virtual one, the versions that
// there are.
Status check_package_names(Apt& apt, const std::vector<std::string>& requested);

// The nearest of `names` to what was written; Debian's "python3-NAME" for Python's NAME. "" when
// nothing is near.
std::string suggest_package(const std::string& written, const std::vector<std::string>& names);

}  // namespace baton
