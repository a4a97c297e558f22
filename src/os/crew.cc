#include "os/crew.h"

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace baton {

Status run_crew(int workers, size_t tasks, const std::function<Status(int, size_t)>& task,
                const std::function<Status()>& poll) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  auto note = [&](const Status& status) {
    if (status.ok()) return true;
    next.store(tasks);
    std::lock_guard lock(mutex);
    if (first.ok()) first = status;
    return false;
  };
  auto work = [&](int worker) {
    for (size_t index = 0; (index = next.fetch_add(1)) < tasks;) {
      if (worker == 0 && !note(poll())) return;
      if (!note(task(worker, index))) return;
    }
  };
  std::vector<std::thread> threads;
  for (int worker = 1; worker < workers && static_cast<size_t>(worker) < tasks; ++worker) {
    try {
      threads.emplace_back(work, worker);
    } catch (const std::system_error&) {
      break;  // a limit on threads: those that there are do all of it
    }
  }
  work(0);
  for (std::thread& thread : threads) thread.join();
  return first;
}

}  // namespace baton
