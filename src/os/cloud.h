// Where this machine stands.
#pragma once

#include <string>

namespace baton {

// Which cloud this machine is in by its DMI strings (no network): "aws", "gcp", "azure" or "".
// `sys_root` is "/" except in tests.
std::string detect_cloud(const std::string& sys_root = "/");

}  // namespace baton
