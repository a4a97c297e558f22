// Threads where a limit on them (RLIMIT_NPROC, pids.max) may allow no more.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace baton {

// Begins `work` in `thread`, which has none yet. False, with nothing begun, where no thread can be
// had.
template <class Work>
bool start_thread(std::thread& thread, Work&& work) {
  try {
    thread = std::thread(std::forward<Work>(work));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace baton
