#include "agent/errands.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "os/threads.h"

namespace baton {

Errands::Errands() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { begin(); }

// Tried again with each errand: a limit on threads may have been met by somebody who is gone since.
void Errands::begin() {
  start_thread(thread_, [this] { work(); });
}

Errands::~Errands() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Errands::post(Errand errand) {
  if (!thread_.joinable()) begin();
  std::unique_lock lock(mutex_);
  posted_.push_back(std::move(errand));
  changed_.notify_all();
  if (!thread_.joinable()) do_first(lock);
}

void Errands::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !posted_.empty(); });
    if (ending_) return;
    do_first(lock);
  }
}

void Errands::do_first(std::unique_lock<std::mutex>& lock) {
  Errand errand = std::move(posted_.front());
  lock.unlock();
  After after = errand();
  errand = nullptr;  // what it holds is not held any longer
  lock.lock();
  posted_.pop_front();
  changed_.notify_all();
  if (!after) return;
  done_.push_back(std::move(after));
  uint64_t one = 1;
  ssize_t ignored = ::write(event_.get(), &one, sizeof one);  // cannot fail: far from full
  (void)ignored;
}

std::optional<Errands::After> Errands::take() {
  std::lock_guard lock(mutex_);
  if (done_.empty()) {
    uint64_t count;
    ssize_t ignored = ::read(event_.get(), &count, sizeof count);
    (void)ignored;
    return std::nullopt;
  }
  After after = std::move(done_.front());
  done_.pop_front();
  return after;
}

void Errands::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return posted_.empty(); });
  done_.clear();
}

}  // namespace baton
