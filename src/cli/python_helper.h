// The Python helper, as it stands in python/ when the binary is built.
#pragma once

#include <map>
#include <string>

namespace baton {

// Path below python/ ("baton/__init__.py") → content. Defined in a file that the build makes.
std::map<std::string, std::string> python_helper();

}  // namespace baton
