#include "net/deadline.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "os/clock.h"

namespace baton {

Deadline Deadline::in_ms(int64_t ms) {
  constexpr int64_t kYear = 365LL * 86'400'000;
  return Deadline(SystemClock().mono_ms() + std::clamp<int64_t>(ms, 0, kYear));
}

int64_t Deadline::left_ms() const { return std::max<int64_t>(0, at_ - SystemClock().mono_ms()); }

Deadline Deadline::sooner(int64_t ms) const { return Deadline(std::min(at_, in_ms(ms).at_)); }

Wait wait_fd(int fd, short events, const Deadline& deadline, const Cancel* cancel) {
  while (true) {
    if (cancel && cancel->is_set()) return Wait::cancelled;
    pollfd watched[2] = {{fd, events, 0}, {cancel ? cancel->fd() : -1, POLLIN, 0}};
    int64_t left = deadline.left_ms();
    int n = poll(watched, 2, static_cast<int>(std::min<int64_t>(left, INT_MAX)));
    if (n > 0 && watched[1].revents != 0) return Wait::cancelled;
    if (n > 0) return Wait::ready;
    if (n < 0 && errno != EINTR) return Wait::ready;  // the operation that follows tells the error
    if (n == 0 && left < INT_MAX) return Wait::timeout;
  }
}

Error wait_error(Wait wait, const std::string& doing) {
  if (wait == Wait::cancelled) return Error{Code::cancelled, doing + " was cancelled", ""};
  return Error{Code::transient, doing + " took too long", ""};
}

}  // namespace baton
