#include "os/clock.h"

#include <ctime>

namespace baton {
namespace {

int64_t read_ms(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

int64_t file_time_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool wait_for_later_file_time(int64_t time_ns) {
  constexpr int kTries = 50;
  constexpr timespec kMillisecond{0, 1'000'000};
  for (int i = 0; i < kTries && file_time_ns() <= time_ns; ++i) nanosleep(&kMillisecond, nullptr);
  return file_time_ns() > time_ns;
}

int64_t SystemClock::wall_ms() const { return read_ms(CLOCK_REALTIME); }
int64_t SystemClock::mono_ms() const { return read_ms(CLOCK_BOOTTIME); }

void SystemClock::sleep_ms(int64_t milliseconds) {
  if (milliseconds <= 0) return;
  timespec rest{static_cast<time_t>(milliseconds / 1000),
                static_cast<long>(milliseconds % 1000) * 1'000'000};
  while (nanosleep(&rest, &rest) != 0) {
  }
}

int64_t ManualClock::wall_ms() const {
  std::lock_guard lock(mutex_);
  return wall_offset_ + mono_;
}

int64_t ManualClock::mono_ms() const {
  std::lock_guard lock(mutex_);
  return mono_;
}

void ManualClock::sleep_ms(int64_t milliseconds) {
  std::unique_lock lock(mutex_);
  if (auto_advance_) {
    mono_ += milliseconds;
    turned_.notify_all();
    return;
  }
  int64_t until = mono_ + milliseconds;
  turned_.wait(lock, [&] { return mono_ >= until || auto_advance_; });
}

void ManualClock::advance(int64_t milliseconds) {
  std::lock_guard lock(mutex_);
  mono_ += milliseconds;
  turned_.notify_all();
}

void ManualClock::step_wall(int64_t milliseconds) {
  std::lock_guard lock(mutex_);
  wall_offset_ += milliseconds;
}

void ManualClock::set_auto_advance(bool on) {
  std::lock_guard lock(mutex_);
  auto_advance_ = on;
  turned_.notify_all();
}

}  // namespace baton
