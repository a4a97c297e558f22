#include "net/http.h"

#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <stdexcept>

namespace baton {

std::string HttpResponse::header(const std::string& name) const {
  for (const auto& [key, value] : headers)
    if (strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  return "";
}

Cancel::Cancel() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::runtime_error("no file descriptor is left for a cancellation");
}

Cancel::~Cancel() { close(fd_); }

void Cancel::set() {
  set_ = true;
  uint64_t one = 1;
  // Can only fail by overflow, when it is readable already.
  [[maybe_unused]] ssize_t n = write(fd_, &one, sizeof one);
}

bool Cancel::wait_ms(int64_t timeout_ms) const {
  if (set_) return true;
  pollfd watched{fd_, POLLIN, 0};
  // An interrupted wait returns early; callers loop anyway.
  poll(&watched, 1, static_cast<int>(std::clamp<int64_t>(timeout_ms, 0, INT_MAX)));
  return set_;
}

}  // namespace baton
