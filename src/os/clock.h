// The only way to the time. Tests turn a ManualClock by hand.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace baton {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970 by the machine's wall clock: for display and for deadlines that a cloud
  // states in wall time. Never compared between machines.
  virtual int64_t wall_ms() const = 0;
  // Milliseconds by a clock that never steps back and goes on during suspend (CLOCK_BOOTTIME).
  virtual int64_t mono_ms() const = 0;
  virtual void sleep_ms(int64_t milliseconds) = 0;
};

// The time, in nanoseconds since 1970, that the kernel gives to a file written now. It advances in
// ticks of up to 10 ms (CLOCK_REALTIME_COARSE): two writes within one may leave the same time
// behind.
int64_t file_time_ns();
// Waits until file_time_ns() is greater than `time_ns`; false when it isn't within 50 ms, because
// the time lies in the future.
bool wait_for_later_file_time(int64_t time_ns);

// The machine's clocks. Thread-safe.
class SystemClock : public Clock {
 public:
  int64_t wall_ms() const override;
  int64_t mono_ms() const override;
  void sleep_ms(int64_t milliseconds) override;
};

// Stands still until advance(); sleepers wake when their time has come. Thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(int64_t start_wall_ms = 1'700'000'000'000) : wall_offset_(start_wall_ms) {}
  int64_t wall_ms() const override;
  int64_t mono_ms() const override;
  void sleep_ms(int64_t milliseconds) override;
  void advance(int64_t milliseconds);
  // Steps the wall clock alone, as NTP or an operator would.
  void step_wall(int64_t milliseconds);
  // When set, sleep_ms() advances the clock itself instead of waiting for advance().
  void set_auto_advance(bool on);

 private:
  mutable std::mutex mutex_;
  std::condition_variable turned_;
  int64_t wall_offset_;
  int64_t mono_ = 0;
  bool auto_advance_ = false;
};

}  // namespace baton
