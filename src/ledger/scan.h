// Walks directories that a hostile program may be changing at the same time.
//
// Nothing is ever opened through a symlink: every step goes from an open directory to a name in it
// with O_NOFOLLOW, so that a directory swapped for a symlink gives an error and never a way out of
// the root.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "os/fd.h"

namespace baton {

// A file, directory or symlink as lstat(2) shows it. Two equal ones at different times mean that
// nothing was written in between, as far as the kernel tells (see `settled` in remembered.h for
// what it does not).
struct Scanned {
  TreeEntry::Kind kind = TreeEntry::Kind::file;
  std::string path;    // relative to the root
  std::string target;  // symlink
  uint32_t mode = 0;   // 0777 at most
  uint64_t device = 0, inode = 0, size = 0;
  int64_t mtime_ns = 0, ctime_ns = 0;
  friend bool operator==(const Scanned&, const Scanned&) = default;
};

struct ScanOptions {
  // Asked for every entry with its path and whether it is a directory; true leaves it (and what is
  // in it) out.
  std::function<bool(const std::string& path, bool directory)> skip;
  // Asked now and then; true ends the walk with Code::cancelled.
  std::function<bool()> cancelled;
};

// Everything under the open directory, sorted bytewise by path. Sockets, devices and fifos are left
// out. `shown` is the directory's name in messages. Code::transient when something vanishes during
// the walk, Code::denied for an unreadable directory, Code::invalid for a path too long or too deep
// for a manifest.
Result<std::vector<Scanned>> scan_tree(int root, const std::string& shown,
                                       const ScanOptions& options);

// Opens a directory itself, not through a symlink in its last part. An absent one gives an invalid
// Fd.
Result<Fd> open_root(const std::string& path);

// openat(2) part by part with O_NOFOLLOW, O_CLOEXEC and, so that a fifo cannot hang it, O_NONBLOCK.
// `path` must be a valid_tree_path. Code::transient when a part is not (any more) what it should
// be.
Result<Fd> open_beneath(int root, const std::string& path, int flags, const std::string& shown);
// The directory that `path` stands in; the root itself (duplicated) for a path of one part.
Result<Fd> open_parent(int root, const std::string& path, const std::string& shown);

// Opens a scanned file for reading; Code::transient unless it still is what the scan saw.
Result<Fd> open_scanned(int root, const Scanned& file, const std::string& shown);

// The error of a capture that raced with a writer.
Error changed_error(const std::string& path);

}  // namespace baton
