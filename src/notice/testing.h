// What the watchers' tests share: boxes that collect and wait, and short times. For tests only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "net/test_server.h"
#include "notice/notice.h"

namespace baton {

// Collects notices; waits for a number of them, never for a time.
class NoticeBox {
 public:
  NoticeSink sink() {
    return [this](const Notice& notice) {
      std::lock_guard lock(mutex_);
      notices_.push_back(notice);
      came_.notify_all();
    };
  }
  // All so far, once there are `count`; fewer after 30 s, which fails the test that looks at them.
  std::vector<Notice> wait_for(size_t count) const {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(30), [&] { return notices_.size() >= count; });
    return notices_;
  }
  std::vector<Notice> all() const { return wait_for(0); }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<Notice> notices_;
};

class LogBox : public Log {
 public:
  void write(Level level, const std::string& message) override {
    std::lock_guard lock(mutex_);
    if (level >= Level::warn) warnings_.push_back(message);
    errors_ += level == Level::error;
    wrote_.notify_all();
  }
  // The warnings and errors so far, once there are `count`.
  std::vector<std::string> wait_for(size_t count) const {
    std::unique_lock lock(mutex_);
    wrote_.wait_for(lock, std::chrono::seconds(30), [&] { return warnings_.size() >= count; });
    return warnings_;
  }
  int errors() const {
    std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable wrote_;
  std::vector<std::string> warnings_;
  int errors_ = 0;
};

inline WatchTimes short_times() {
  WatchTimes times;
  times.aws_poll = times.gcp_retry = times.azure_poll = times.file_poll = 2;
  times.file_young = 0;
  times.gcp_wait = 1'000;
  times.request = 10'000;  // long, so that a busy machine does not make a request fail
  times.azure_first = 10'000;
  return times;
}

// Sets or unsets an environment variable for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace baton
