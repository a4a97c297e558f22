// Directories on this machine that are made once per content and then shared by all attempts.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace baton {

// HOME/cache/<kind>/<hash>; where it is missing, `fill` makes it at the path it is given (which
// does not exist yet). It has its name only when it is whole and would survive a crash of the
// machine. Several processes may do this at once: one wins, and all use what it made.
Result<std::string> cached_tree(const std::string& home, const std::string& kind,
                                const std::string& hash,
                                const std::function<Status(const std::string& path)>& fill);

}  // namespace baton
