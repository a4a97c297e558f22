// A few threads that work through numbered tasks.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace baton {

// Runs task(worker, index) for every index below `tasks`, on up to `workers` threads; on fewer when
// the machine grants no more, and on the caller's own when it grants none. Stops at the first error
// and returns it: no further task begins, and those that run are waited for.
//
// `poll` is called on the caller's thread only: before the first task, when one has ended, and
// every 100 ms meanwhile (between tasks only, where the caller does them itself). Its error counts
// like a task's. `stop` is called once, from any thread, when the first error is there: what it
// does may end the tasks that still run, and what these then return does not matter.
Status run_crew(int workers, size_t tasks,
                const std::function<Status(int worker, size_t index)>& task,
                const std::function<Status()>& poll, const std::function<void()>& stop = {});

}  // namespace baton
