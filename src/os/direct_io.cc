#include "os/direct_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kWorthIt = 256 << 10;  // below this the cache is faster

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

void fetch_ahead(int fd) { posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED); }

Result<size_t> read_whole(int fd, char* to, size_t size, const std::string& path) {
  if (size >= kWorthIt) {
    posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE);
    fetch_ahead(fd);
  }
  return read_at(fd, to, size, 0, path);
}

}  // namespace baton
