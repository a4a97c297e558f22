// What apt's, dpkg's and mmdebstrap's words mean.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace baton {

// The error for a failed tool, from everything it said. `doing`: "fetching the package lists of
// Debian trixie". Network trouble is Code::transient, a full disk Code::no_space, a bad signature
// Code::permanent. `log` is named in the hint.
Error explain_tool(const std::string& doing, std::string_view said, const std::string& log);

// Whether what was said is (only) trouble with the network.
bool is_network_trouble(std::string_view said);

}  // namespace baton
