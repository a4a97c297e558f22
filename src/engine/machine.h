// What this machine offers to containers, for `baton doctor` and for messages.
#pragma once

#include <string>

#include "base/json.h"

namespace baton {

// The setting that forbids user namespaces to this user and how to change it; "" when none is
// found.
std::string user_namespace_obstacle();

// Cgroup version, limits that work and why others do not, ids.
Json describe_machine();

}  // namespace baton
