// What a look at the program's directories tells: what changed, and whether it is quiet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace baton {

// A cheap signature of a directory tree: every entry's path, inode, size, mode and change time.
// Never follows symlinks.
struct TreeLook {
  uint64_t signature = 0;
  uint64_t bytes = 0;
  uint64_t entries = 0;
  int64_t newest_ms = 0;  // latest change (ctime) of any entry, wall clock
};
TreeLook look_at_tree(const std::string& path);

// True when one of `pids` holds a regular file below `path` open for writing other than for
// appending: a checkpoint being written by a slow writer looks quiet, but is not. Files that cannot
// be examined count as closed.
bool has_open_writer(const std::vector<pid_t>& pids, const std::string& path);

}  // namespace baton
