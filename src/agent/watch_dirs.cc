#include "agent/watch_dirs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr int kMaxDepth = 200;  // as deep as a commit goes

int64_t change_ms(const struct stat& info) {
  return static_cast<int64_t>(info.st_ctim.tv_sec) * 1000 + info.st_ctim.tv_nsec / 1'000'000;
}

void walk(int dir_fd, const std::string& path, int depth, TreeLook& look) {
  DIR* stream = fdopendir(dup(dir_fd));
  if (!stream) return;
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (fstatat(dir_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    std::string child = join_path(path.empty() ? "/" : path, name);
    std::string facts = fmt::format("{}|{}|{}|{}|{}|{}", child, info.st_ino, info.st_size,
                                    info.st_mode, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    // Summing makes the order of readdir irrelevant.
    look.signature += fingerprint(facts, 0)[0];
    look.newest_ms = std::max(look.newest_ms, change_ms(info));
    ++look.entries;
    if (S_ISREG(info.st_mode))  // holes are not read
      look.bytes += static_cast<uint64_t>(std::min<int64_t>(info.st_size, info.st_blocks * 512));
    if (S_ISDIR(info.st_mode) && depth < kMaxDepth) {
      Fd sub(openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (sub.valid()) walk(sub.get(), child, depth + 1, look);
    }
  }
  closedir(stream);
}

using FileId = std::pair<dev_t, ino_t>;

void collect_files(int dir_fd, int depth, std::set<FileId>& files) {
  DIR* stream = fdopendir(dup(dir_fd));
  if (!stream) return;
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (fstatat(dir_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode)) files.insert({info.st_dev, info.st_ino});
    if (S_ISDIR(info.st_mode) && depth < kMaxDepth) {
      Fd sub(openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (sub.valid()) collect_files(sub.get(), depth + 1, files);
    }
  }
  closedir(stream);
}

// Whether the descriptor was opened to write and not to append, from /proc/PID/fdinfo/N's "flags:"
// in octal.
bool writes_in_place(pid_t pid, const std::string& number) {
  auto text = read_file(fmt::format("/proc/{}/fdinfo/{}", pid, number), 65536);
  if (!text.ok()) return false;
  for (const auto& line : split(*text, '\n')) {
    if (!starts_with(line, "flags:")) continue;
    unsigned long flags = std::strtoul(line.c_str() + 6, nullptr, 8);
    return (flags & O_ACCMODE) != O_RDONLY && !(flags & O_APPEND);
  }
  return false;
}

}  // namespace

TreeLook look_at_tree(const std::string& path) {
  TreeLook look;
  Fd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (dir.valid()) walk(dir.get(), "", 0, look);
  return look;
}

bool has_open_writer(const std::vector<pid_t>& pids, const std::string& path) {
  Fd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  std::set<FileId> files;
  if (dir.valid()) collect_files(dir.get(), 0, files);
  if (files.empty()) return false;
  for (pid_t pid : pids) {
    auto numbers = list_dir(fmt::format("/proc/{}/fd", pid));
    if (!numbers.ok()) continue;
    for (const auto& number : *numbers) {
      struct stat info {};
      if (stat(fmt::format("/proc/{}/fd/{}", pid, number).c_str(), &info) != 0) continue;
      if (files.count({info.st_dev, info.st_ino}) && writes_in_place(pid, number)) return true;
    }
  }
  return false;
}

}  // namespace baton
