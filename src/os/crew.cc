#include "os/crew.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "os/threads.h"

namespace baton {
namespace {

constexpr std::chrono::milliseconds kPollEach{100};

class Crew {
 public:
  Crew(size_t tasks, const std::function<Status(int, size_t)>& task,
       const std::function<Status()>& poll, const std::function<void()>& stop)
      : tasks_(tasks), task_(task), poll_(poll), stop_(stop) {}

  Status run(size_t workers) {
    if (tasks_ == 0 || !note(poll_())) return first_;
    start(std::clamp<size_t>(workers, 1, tasks_));
    if (threads_.empty()) {
      work_alone();
    } else {
      watch();
    }
    for (std::thread& thread : threads_) thread.join();
    return first_;
  }

 private:
  void start(size_t workers) {
    for (size_t worker = 0; worker < workers; ++worker) {
      std::thread thread;
      if (!start_thread(thread, [this, worker] { work(static_cast<int>(worker)); }))
        return;  // those that there are do all of it
      threads_.push_back(std::move(thread));
    }
  }

  void work(int worker) {
    for (size_t index = 0; (index = next_.fetch_add(1)) < tasks_;) {
      const bool good = note(task_(worker, index));
      std::lock_guard lock(mutex_);
      ++ended_;
      changed_.notify_one();
      if (!good) return;
    }
  }

  void work_alone() {
    for (size_t index = 0; index < tasks_; ++index)
      if ((index > 0 && !note(poll_())) || !note(task_(0, index))) return;
  }

  // Until the work is done or has failed.
  void watch() {
    std::unique_lock lock(mutex_);
    for (size_t seen = 0; seen < tasks_ && first_.ok();) {
      changed_.wait_for(lock, kPollEach, [&] { return ended_ > seen; });
      seen = ended_;
      if (seen == tasks_ || !first_.ok()) return;
      lock.unlock();
      note(poll_());
      lock.lock();
    }
  }

  bool note(const Status& status) {
    if (status.ok()) return true;
    {
      std::lock_guard lock(mutex_);
      if (!first_.ok()) return false;
      first_ = status;
      next_ = tasks_;
    }
    if (stop_) stop_();
    return false;
  }

  const size_t tasks_;
  const std::function<Status(int, size_t)>& task_;
  const std::function<Status()>& poll_;
  const std::function<void()>& stop_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  Status first_;
  size_t ended_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Status run_crew(int workers, size_t tasks, const std::function<Status(int, size_t)>& task,
                const std::function<Status()>& poll, const std::function<void()>& stop) {
  return Crew(tasks, task, poll, stop).run(static_cast<size_t>(std::max(workers, 1)));
}

}  // namespace baton
