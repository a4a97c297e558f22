// flock(2) on a file that may be removed while others wait for it.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace baton {

enum class LockMode { shared, exclusive };

// Locks `path`, created if absent together with its directory, and gives the descriptor that holds
// the lock. `waiting` is called once if somebody else holds it.
Result<Fd> lock_file(const std::string& path, LockMode mode, const std::function<void()>& waiting);

// The same without waiting: Code::exists when somebody else holds the lock. The file is created
// only with `create`, and then its directory must exist; without, Code::not_found when there is
// none.
Result<Fd> try_lock_file(const std::string& path, LockMode mode, bool create = false);

}  // namespace baton
