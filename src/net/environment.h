// A variable of the environment by name, or none: given to whoever reads settings, so that tests
// need not change the process's own.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace baton {

using EnvironmentReader = std::function<std::optional<std::string>(const std::string& name)>;

}  // namespace baton
