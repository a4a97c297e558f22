#include "notice/watcher.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

#include "os/threads.h"

namespace baton {

bool WatchThread::start(std::function<void(const Cancel&)> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool begun = start_thread(thread_, [this, body = std::move(body)] { body(cancel_); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return begun;
}

void WatchThread::stop() {
  cancel_.set();
  if (thread_.joinable()) thread_.join();
}

void OnceLog::warn(const std::string& key, const std::string& message) {
  {
    std::lock_guard lock(mutex_);
    if (!told_.insert(key).second) return;
  }
  log_.warn(message);
}

int64_t deadline_for(const Clock& clock, std::optional<int64_t> time_ms, int64_t budget_ms) {
  if (!time_ms) return -1;
  return clock.mono_ms() + std::clamp<int64_t>(*time_ms - clock.wall_ms(), 0, budget_ms);
}

int64_t Backoff::next_ms() {
  int64_t now = next_;
  next_ = std::min(next_ * 2, limit_);
  return std::min(now, limit_);
}

}  // namespace baton
