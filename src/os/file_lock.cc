#include "os/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "os/files.h"

namespace baton {
namespace {

// Whether the locked descriptor still is the file of that name: its holder may have removed it
// before the lock was given to us.
bool still_named(int fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

int lock(int fd, int operation) {
  int result;
  do result = flock(fd, operation);
  while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

Result<Fd> lock_file(const std::string& path, LockMode mode, const std::function<void()>& waiting) {
  int operation = mode == LockMode::shared ? LOCK_SH : LOCK_EX;
  bool told = false;
  while (true) {
    BATON_TRY(make_dirs(parent_path(path)));
    BATON_ASSIGN(Fd fd, open_file(path, O_RDWR | O_CREAT));
    if (lock(fd.get(), operation | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return errno_error(errno, "lock " + path);
      if (!told) waiting();
      told = true;
      if (lock(fd.get(), operation) != 0) return errno_error(errno, "lock " + path);
    }
    if (still_named(fd.get(), path)) return fd;
  }
}

Result<Fd> try_lock_file(const std::string& path, LockMode mode, bool create) {
  BATON_ASSIGN(Fd fd, open_file(path, create ? O_RDWR | O_CREAT : O_RDONLY, 0600));
  if (lock(fd.get(), (mode == LockMode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return Error{Code::exists, path + " is locked by another process", ""};
    return errno_error(errno, "lock " + path);
  }
  if (!still_named(fd.get(), path)) return Error{Code::not_found, path + " was removed", ""};
  return fd;
}

}  // namespace baton
