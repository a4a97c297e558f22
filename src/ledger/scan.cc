#include "ledger/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

std::string shown_path(const std::string& root, const std::string& path) {
  return path.empty() ? printable(root) : printable(join_path(root, path));
}

// What `info` says, or nothing for a special file.
std::optional<Scanned> describe(const struct stat& info, const std::string& path) {
  Scanned entry;
  if (S_ISDIR(info.st_mode)) {
    entry.kind = TreeEntry::Kind::directory;
  } else if (S_ISLNK(info.st_mode)) {
    entry.kind = TreeEntry::Kind::symlink;
  } else if (!S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  entry.path = path;
  entry.mode = info.st_mode & 0777;
  entry.device = info.st_dev;
  entry.inode = info.st_ino;
  entry.size = entry.kind == TreeEntry::Kind::file ? static_cast<uint64_t>(info.st_size) : 0;
  entry.mtime_ns = nanoseconds(info.st_mtim);
  entry.ctime_ns = nanoseconds(info.st_ctim);
  return entry;
}

// Errors that a program working in the directory causes by removing or swapping what the walk had
// just seen.
Error walk_error(int error_number, const std::string& shown) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ESTALE:
      return changed_error(shown);
    default:
      return errno_error(error_number, "read " + shown);
  }
}

Result<std::string> read_link(int directory, const char* name, const std::string& shown) {
  std::string target(4096, '\0');
  ssize_t n = readlinkat(directory, name, target.data(), target.size());
  if (n < 0) return errno == EINVAL ? changed_error(shown) : walk_error(errno, shown);
  target.resize(static_cast<size_t>(n));
  return target;
}

class Walk {
 public:
  Walk(const std::string& shown, const ScanOptions& options) : shown_(shown), options_(options) {}

  Status directory(Fd fd, const std::string& path) {
    if (options_.cancelled && options_.cancelled())
      return Error{Code::cancelled, "the capture was cancelled", ""};
    BATON_ASSIGN(auto names, list(fd.get(), path));
    for (const std::string& name : names)
      BATON_TRY(entry(fd.get(), name, path.empty() ? name : path + "/" + name));
    return {};
  }

  std::vector<Scanned> take() {
    std::sort(found_.begin(), found_.end(),
              [](const Scanned& a, const Scanned& b) { return a.path < b.path; });
    return std::move(found_);
  }

 private:
  Result<std::vector<std::string>> list(int fd, const std::string& path) {
    // The stream gets its own descriptor, and its own position, by opening anew.
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::unique_ptr<DIR, int (*)(DIR*)> stream(again < 0 ? nullptr : fdopendir(again), closedir);
    if (!stream) {
      int error_number = errno;
      if (again >= 0) close(again);
      return walk_error(error_number, shown_path(shown_, path));
    }
    std::vector<std::string> names;
    errno = 0;
    while (dirent* entry = readdir(stream.get())) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    if (errno != 0) return walk_error(errno, shown_path(shown_, path));
    return names;
  }

  Status entry(int parent, const std::string& name, const std::string& path) {
    struct stat info {};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return walk_error(errno, shown_path(shown_, path));
    auto entry = describe(info, path);
    if (!entry) return {};
    bool directory = entry->kind == TreeEntry::Kind::directory;
    if (options_.skip && options_.skip(path, directory)) return {};
    if (!valid_tree_path(path))
      return Error{
          Code::invalid,
          fmt::format("{} is nested too deeply or its name is too long", shown_path(shown_, path)),
          "at most 200 levels and 4095 bytes can be captured"};
    if (entry->kind == TreeEntry::Kind::symlink) {
      BATON_ASSIGN(entry->target, read_link(parent, name.c_str(), shown_path(shown_, path)));
    }
    found_.push_back(*entry);
    return directory ? descend(parent, name, found_.back()) : Status();
  }

  Status descend(int parent, const std::string& name, const Scanned& entry) {
    std::string path = entry.path;  // `entry` moves when more is found
    Fd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return walk_error(errno, shown_path(shown_, path));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0 || info.st_ino != entry.inode || info.st_dev != entry.device)
      return changed_error(shown_path(shown_, path));
    return directory(std::move(fd), path);
  }

  const std::string& shown_;
  const ScanOptions& options_;
  std::vector<Scanned> found_;
};

}  // namespace

Error changed_error(const std::string& path) {
  return {Code::transient, fmt::format("{} changed while being captured", path),
          "it is tried again; a program that asks for the commit itself is captured at once"};
}

Result<std::vector<Scanned>> scan_tree(int root, const std::string& shown,
                                       const ScanOptions& options) {
  Fd fd(fcntl(root, F_DUPFD_CLOEXEC, 0));
  if (!fd.valid()) return errno_error(errno, "read " + shown);
  Walk walk(shown, options);
  BATON_TRY(walk.directory(std::move(fd), ""));
  return walk.take();
}

Result<Fd> open_root(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) return errno_error(errno, "open directory " + path);
  return fd;
}

Result<Fd> open_parent(int root, const std::string& path, const std::string& shown) {
  Fd fd(fcntl(root, F_DUPFD_CLOEXEC, 0));
  size_t start = 0, slash = 0;
  while (fd.valid() && (slash = path.find('/', start)) != std::string::npos) {
    std::string part = path.substr(start, slash - start);
    fd.reset(openat(fd.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    start = slash + 1;
  }
  if (!fd.valid()) return walk_error(errno, shown_path(shown, path));
  return fd;
}

Result<Fd> open_beneath(int root, const std::string& path, int flags, const std::string& shown) {
  BATON_ASSIGN(Fd parent, open_parent(root, path, shown));
  Fd fd(openat(parent.get(), path.c_str() + (path.rfind('/') + 1),
               flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  if (!fd.valid()) return walk_error(errno, shown_path(shown, path));
  return fd;
}

Result<Fd> open_scanned(int root, const Scanned& file, const std::string& shown) {
  BATON_ASSIGN(Fd fd, open_beneath(root, file.path, O_RDONLY, shown));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return walk_error(errno, shown_path(shown, file.path));
  if (describe(info, file.path) != file) return changed_error(shown_path(shown, file.path));
  return fd;
}

}  // namespace baton
