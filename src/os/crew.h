// A few threads that work through numbered tasks.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace baton {

// Runs task(worker, index) for every index below `tasks`, on up to `workers` threads of which the
// caller's is number 0; fewer when the machine grants no more. Stops at the first error and returns
// it. `poll` is called between tasks, on the caller's thread only, and ends the work when it
// returns an error.
Status run_crew(int workers, size_t tasks,
                const std::function<Status(int worker, size_t index)>& task,
                const std::function<Status()>& poll);

}  // namespace baton
