// remove_tree(): of trees as deep and as odd as a program can make them, and may still be making.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kHeld = 32;           // directories that are open at a time
constexpr size_t kLongestShown = 300;  // bytes of a path in a message
constexpr int kTries = 3;

constexpr int kDirectory = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// A long path without its middle.
std::string without_middle(const std::string& path) {
  if (path.size() <= kLongestShown) return path;
  size_t head = kLongestShown / 2, tail = path.size() - kLongestShown / 2;
  while (head > 0 && is_continuation(path[head])) --head;
  while (tail < path.size() && is_continuation(path[tail])) ++tail;
  return path.substr(0, head) + "…" + path.substr(tail);
}

// Goes down into each directory and up again without recursion. Only the innermost are open: those
// above are found again by "..", and must then be the ones that they were.
class Remover {
 public:
  Remover(const std::string& path, dev_t device) : path_(path), device_(device) {}

  Status run() {
    BATON_TRY(take(AT_FDCWD, path_));
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.names.empty()) {
        BATON_TRY(leave());
        continue;
      }
      const std::string name = std::move(level.names.back());
      level.names.pop_back();
      BATON_TRY(take(level.dir.get(), name));
    }
    return {};
  }
  // Somebody moved the directories while they were being removed.
  bool lost() const { return lost_; }

 private:
  struct Level {
    std::string name;
    Fd dir;  // closed while more than kHeld are below
    ino_t inode;
    std::vector<std::string> names;  // in it, that are still to be removed
  };

  // Removes a file, or enters a directory.
  Status take(int parent, const std::string& name) {
    struct stat info {};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Status() : failed(name);
    if (!S_ISDIR(info.st_mode))
      return unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT ? Status() : failed(name);
    return enter(parent, name);
  }

  Status enter(int parent, const std::string& name) {
    Fd dir(openat(parent, name.c_str(), O_RDONLY | kDirectory));
    if (!dir.valid() && errno == EACCES && open_up(parent, name))
      dir.reset(openat(parent, name.c_str(), O_RDONLY | kDirectory));
    struct stat info {};
    if (!dir.valid() || fstat(dir.get(), &info) != 0) return failed(name);
    if (info.st_dev != device_)
      return Error{Code::permanent,
                   fmt::format("{} is a mount point and was left alone", path_of(name)),
                   "unmount it first"};
    Level level{name, std::move(dir), info.st_ino, {}};
    if (!read_names(level.dir.get(), level.names)) return failed(name);
    if (!level.names.empty() && (info.st_mode & 0300) != 0300) fchmod(level.dir.get(), 0700);
    levels_.push_back(std::move(level));
    if (levels_.size() > kHeld) levels_[levels_.size() - kHeld - 1].dir.reset();
    return {};
  }

  // Removes the innermost directory.
  Status leave() {
    const std::string name = levels_.back().name;
    Fd dir = std::move(levels_.back().dir);
    levels_.pop_back();
    if (!levels_.empty() && !levels_.back().dir.valid()) BATON_TRY(find_again(dir.get()));
    const int parent = levels_.empty() ? AT_FDCWD : levels_.back().dir.get();
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return failed(name);
    return {};
  }

  // Opens the innermost directory from one in it.
  Status find_again(int below) {
    Level& level = levels_.back();
    level.dir.reset(openat(below, "..", O_PATH | kDirectory));
    struct stat info {};
    if (!level.dir.valid() || fstat(level.dir.get(), &info) != 0) return failed("");
    lost_ = info.st_dev != device_ || info.st_ino != level.inode;
    if (!lost_) return {};
    return Error{Code::transient, path_of("") + " was moved while it was being removed", ""};
  }

  // Lets the owner into a directory whose mode keeps out. Never follows a link.
  static bool open_up(int parent, const std::string& name) {
    Fd dir(openat(parent, name.c_str(), O_PATH | kDirectory));
    return dir.valid() && chmod(fmt::format("/proc/self/fd/{}", dir.get()).c_str(), 0700) == 0;
  }

  static bool read_names(int dir, std::vector<std::string>& names) {
    Fd copy(fcntl(dir, F_DUPFD_CLOEXEC, 0));
    DIR* stream = copy.valid() ? fdopendir(copy.get()) : nullptr;
    if (!stream) return false;
    (void)copy.release();  // closed with the stream
    errno = 0;
    while (dirent* entry = readdir(stream)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    const int error = errno;
    closedir(stream);
    errno = error;
    return error == 0;
  }

  std::string path_of(const std::string& name) const {
    std::string path;
    for (const auto& level : levels_) path = join_path(path, level.name);
    return without_middle(join_path(path, name));
  }
  Error failed(const std::string& name) const {
    const int error = errno;
    return errno_error(error, "remove " + path_of(name));
  }

  const std::string path_;
  const dev_t device_;
  std::vector<Level> levels_;  // from the top down to where it is
  bool lost_ = false;
};

}  // namespace

Status remove_tree(const std::string& path) {
  for (int tries = 1;; ++tries) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0)
      return errno == ENOENT ? Status() : errno_error(errno, "remove " + path);
    Remover remover(path, info.st_dev);
    Status status = remover.run();
    if (!remover.lost() || tries == kTries) return status;
  }
}

}  // namespace baton
