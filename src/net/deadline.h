// Waiting for sockets with an end: a deadline, and a Cancel that wakes the wait.
#pragma once

#include <cstdint>

#include "net/http.h"

namespace baton {

// A moment on the machine's monotonic clock.
class Deadline {
 public:
  // `ms` from now; negative counts as 0.
  static Deadline in_ms(int64_t ms);
  // Never negative.
  int64_t left_ms() const;
  bool passed() const { return left_ms() == 0; }
  // The sooner of this one and `ms` from now.
  Deadline sooner(int64_t ms) const;

 private:
  explicit Deadline(int64_t at) : at_(at) {}
  int64_t at_;
};

enum class Wait { ready, timeout, cancelled };

// Waits until `fd` has one of `events` (poll(2); errors and hang-ups count as ready).
Wait wait_fd(int fd, short events, const Deadline& deadline, const Cancel* cancel);

// The error for a wait that ended otherwise: Code::cancelled, or Code::transient "… took longer
// than …".
Error wait_error(Wait wait, const std::string& doing);

}  // namespace baton
