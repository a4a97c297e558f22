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

// The same without waiting and without creating: Code::exists when somebody else holds the lock,
// Code::not_found when there is no such file.
Result<Fd> try_lock_file(const std::string& path, LockMode mode);

}  // namespace baton
