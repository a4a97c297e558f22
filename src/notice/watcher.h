// What the watchers share: a thread that can be stopped, telling each trouble once, and deadlines.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/log.h"
#include "net/http.h"
#include "os/clock.h"

namespace baton {

// A thread that runs until its body returns; stop() sets the Cancel and joins. Declare it as a
// class's last member, so that it ends before what it uses.
class WatchThread {
 public:
  WatchThread() = default;
  ~WatchThread() { stop(); }
  WatchThread(const WatchThread&) = delete;
  WatchThread& operator=(const WatchThread&) = delete;
  // Signals are blocked in the thread: they are the main thread's to handle. Called once. False
  // where no thread can be had.
  bool start(std::function<void(const Cancel&)> body);
  void stop();

 private:
  Cancel cancel_;
  std::thread thread_;
};

// Writes each message to the log at most once, however often the trouble returns. Thread-safe.
class OnceLog {
 public:
  explicit OnceLog(Log& log) : log_(log) {}
  // `key` stands for the trouble; details in `message` may change.
  void warn(const std::string& key, const std::string& message);

 private:
  Log& log_;
  std::mutex mutex_;
  std::set<std::string> told_;
};

// The deadline on clock.mono_ms() of a notice received now that is due at `time_ms` of wall time:
// an upper bound only, since the wall clock may be wrong, so never further away than `budget_ms`,
// which is what the provider gives at most, and never in the past. -1 (unknown) without a time.
int64_t deadline_for(const Clock& clock, std::optional<int64_t> time_ms, int64_t budget_ms);

// A pause that doubles with every failure up to a limit, and starts over after a success.
class Backoff {
 public:
  Backoff(int64_t first_ms, int64_t limit_ms)
      : first_(first_ms), limit_(limit_ms), next_(first_ms) {}
  int64_t next_ms();
  void reset() { next_ = first_; }

 private:
  int64_t first_, limit_, next_;
};

}  // namespace baton
