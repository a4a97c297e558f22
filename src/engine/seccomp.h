// Which system calls a container may not make; docs/engines.md lists them and says why.
#pragma once

#include <string>

#include "base/json.h"

namespace baton {

// The `linux.seccomp` object of an OCI config (runtime-spec 1.0.2, config-linux.md) for a machine
// of this architecture as uname(2) names it ("x86_64", "aarch64").
Json seccomp_profile(const std::string& machine);

}  // namespace baton
