#include "os/direct_io.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kWorthIt = 256 << 10;  // below this the cache is faster

size_t round_up(size_t size) {
  return (size + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
}

bool aligned(const char* memory) {
  return reinterpret_cast<uintptr_t>(memory) % kDirectAlignment == 0;
}

// O_DIRECT on or off for the rest of its life.
class Direct {
 public:
  explicit Direct(int fd) : fd_(fd), flags_(fcntl(fd, F_GETFL)) {
    on_ = flags_ >= 0 && fcntl(fd, F_SETFL, flags_ | O_DIRECT) == 0;
  }
  Direct(const Direct&) = delete;
  Direct& operator=(const Direct&) = delete;
  ~Direct() { off(); }
  bool on() const { return on_; }
  void off() {
    if (on_) fcntl(fd_, F_SETFL, flags_);
    on_ = false;
  }

 private:
  int fd_;
  int flags_;
  bool on_;
};

}  // namespace

Status write_new(int fd, std::string_view bytes, const std::string& path) {
  if (bytes.size() >= kWorthIt && aligned(bytes.data())) {
    Direct direct(fd);
    while (direct.on() && bytes.size() >= kDirectAlignment) {
      ssize_t n = ::write(fd, bytes.data(), bytes.size() / kDirectAlignment * kDirectAlignment);
      if (n < 0 && errno == EINTR) continue;
      // EINVAL: a filesystem that takes the flag but not the write, or a coarser alignment.
      if (n < 0 && errno == EINVAL)
        direct.off();
      else if (n < 0)
        return errno_error(errno, "write " + path);
      else
        bytes.remove_prefix(static_cast<size_t>(n));
      if (n % static_cast<ssize_t>(kDirectAlignment) != 0) direct.off();
    }
  }
  return write_all(fd, bytes, path);
}

Result<size_t> read_whole(int fd, char* to, size_t size, const std::string& path) {
  size_t done = 0;
  while (done < size && size >= kWorthIt) {
    iovec part{to + done, size - done};
    ssize_t n = preadv2(fd, &part, 1, static_cast<off_t>(done), RWF_NOWAIT);
    if (n <= 0) break;  // not in the cache, or this filesystem cannot tell
    done += static_cast<size_t>(n);
  }
  size_t start = done / kDirectAlignment * kDirectAlignment;
  if (size - done >= kWorthIt && aligned(to)) {
    Direct direct(fd);
    while (direct.on() && start < size) {
      ssize_t n = pread(fd, to + start, round_up(size) - start, static_cast<off_t>(start));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EINVAL) return errno_error(errno, "read " + path);
      if (n <= 0 || n % static_cast<ssize_t>(kDirectAlignment) != 0) direct.off();
      if (n > 0) start += static_cast<size_t>(n);
    }
    done = std::min(start, size);
  }
  BATON_ASSIGN(size_t rest, read_at(fd, to + done, size - done, done, path));
  return done + rest;
}

}  // namespace baton
