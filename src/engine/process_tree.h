// Who descends from whom, from /proc.
#pragma once

#include <sys/types.h>

#include <vector>

namespace baton {

// Every living process that descends from `pid`, without itself. A snapshot: processes come and go
// while it is taken.
std::vector<pid_t> descendants(pid_t pid);

}  // namespace baton
