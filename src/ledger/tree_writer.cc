#include "ledger/tree_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

// One large write makes Linux (6.18) take page cache in blocks of megabytes. In virtual machines
// these are often memory that the host has not backed yet: ten times slower than pieces that reuse
// small blocks.
constexpr size_t kWriteSize = 256 << 10;

const char* last_part(const std::string& path) { return path.c_str() + (path.rfind('/') + 1); }

std::string_view parent_part(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash);
}

// Access time as modification time; 0 stands for a time that was not recorded.
std::array<timespec, 2> times(int64_t mtime_ns) {
  if (mtime_ns == 0) return {timespec{0, UTIME_OMIT}, timespec{0, UTIME_OMIT}};
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t nanoseconds = (mtime_ns % kSecond + kSecond) % kSecond;
  timespec time{(mtime_ns - nanoseconds) / kSecond, nanoseconds};
  return {time, time};
}

// Keeps the directory of the last entry open: entries are sorted, so that neighbours mostly share
// it.
class Parents {
 public:
  Parents(int root, const std::string& shown) : root_(root), shown_(shown) {}
  Result<int> of(const std::string& path) {
    if (!fd_.valid() || parent_ != parent_part(path)) {
      BATON_ASSIGN(fd_, open_parent(root_, path, shown_));
      parent_ = parent_part(path);
    }
    return fd_.get();
  }

 private:
  int root_;
  const std::string& shown_;
  std::string parent_;
  Fd fd_;
};

}  // namespace

Result<TreeWriter> TreeWriter::open(const std::string& path) {
  BATON_TRY(make_dirs(path, 0700));
  BATON_ASSIGN(Fd root, open_root(path));
  BATON_ASSIGN(auto names, list_dir(path));
  if (!names.empty())
    return Error{Code::exists,
                 fmt::format("{} is not empty, and restoring never overwrites anything", path),
                 "move its content away"};
  if (!root.valid()) return errno_error(ENOENT, "open directory " + path);
  return TreeWriter(path, std::move(root));
}

Status TreeWriter::create(const std::vector<TreeEntry>& entries) {
  Parents parents(root_.get(), path_);
  for (const TreeEntry& entry : entries) {
    if (!valid_tree_path(entry.path))
      return Error{Code::corrupt, "a path leads out of " + path_, ""};
    BATON_ASSIGN(int parent, parents.of(entry.path));
    BATON_TRY(create_one(parent, entry));
  }
  return {};
}

Status TreeWriter::create_one(int parent, const TreeEntry& entry) {
  const char* name = last_part(entry.path);
  std::string doing = "create " + printable(join_path(path_, entry.path));
  if (entry.kind == TreeEntry::Kind::directory)
    return mkdirat(parent, name, 0700) == 0 ? Status() : errno_error(errno, doing);
  if (entry.kind == TreeEntry::Kind::symlink)
    return symlinkat(entry.target.c_str(), parent, name) == 0 ? Status()
                                                              : errno_error(errno, doing);
  Fd fd(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(errno, doing);
  if (entry.size > 0 && ftruncate(fd.get(), static_cast<off_t>(entry.size)) != 0)
    return errno_error(errno, doing);
  return {};
}

Status TreeWriter::write(OpenTarget& target, const TreeEntry& entry, uint64_t offset,
                         std::string_view bytes) {
  if (target.entry != &entry) {
    target.entry = nullptr;
    BATON_ASSIGN(target.fd, open_beneath(root_.get(), entry.path, O_WRONLY, path_));
    target.entry = &entry;
  }
  while (!bytes.empty()) {
    ssize_t n = pwrite(target.fd.get(), bytes.data(), std::min(bytes.size(), kWriteSize),
                       static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "write " + printable(join_path(path_, entry.path)));
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Status TreeWriter::finish(const std::vector<TreeEntry>& entries) {
  Parents parents(root_.get(), path_);
  for (auto it = entries.rbegin(); it != entries.rend(); ++it) {
    std::string doing = "set mode and time of " + printable(join_path(path_, it->path));
    auto time = times(it->mtime_ns);
    BATON_ASSIGN(int parent, parents.of(it->path));
    if (it->kind == TreeEntry::Kind::symlink) {
      if (utimensat(parent, last_part(it->path), time.data(), AT_SYMLINK_NOFOLLOW) != 0)
        return errno_error(errno, doing);
      continue;
    }
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
                (it->kind == TreeEntry::Kind::directory ? O_DIRECTORY : O_NONBLOCK);
    Fd fd(openat(parent, last_part(it->path), flags));
    if (!fd.valid() || fchmod(fd.get(), it->mode) != 0 || futimens(fd.get(), time.data()) != 0)
      return errno_error(errno, doing);
  }
  return {};
}

Status TreeWriter::undo() {
  BATON_ASSIGN(auto names, list_dir(path_));
  for (const std::string& name : names) BATON_TRY(remove_tree(join_path(path_, name)));
  return {};
}

}  // namespace baton
