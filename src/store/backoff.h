// How long to wait between tries: exponential, with a random part, so that many agents do not come
// back in step.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace baton {

// Thread-safe.
class Backoff {
 public:
  Backoff(int64_t first_ms, int64_t longest_ms, uint64_t seed)
      : first_ms_(first_ms), longest_ms_(longest_ms), state_(seed) {}

  // The wait after the try number `attempt` (from 1) has failed: between half and all of
  // first · 2^(attempt − 1), at most `longest`.
  int64_t wait_ms(int attempt) {
    int64_t wait = std::min(longest_ms_, first_ms_ << std::clamp(attempt - 1, 0, 20));
    uint64_t x = (state_ += 0x9e3779b97f4a7c15);  // splitmix64 (Steele et al., OOPSLA 2014)
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    return wait / 2 + static_cast<int64_t>((x >> 33) % static_cast<uint64_t>(wait / 2 + 1));
  }

 private:
  const int64_t first_ms_, longest_ms_;
  std::atomic<uint64_t> state_;
};

}  // namespace baton
