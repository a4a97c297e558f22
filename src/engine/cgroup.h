// One container's control group: limits, what the kernel counted, and which processes are in it.
// Version 1 and 2 (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst), and machines that mix both.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace baton {

// Where this process stands in the machine's cgroup trees.
struct CgroupTrees {
  // Version 1: controller ("memory", "cpu", "pids") → the directory of our own cgroup.
  std::map<std::string, std::string> v1;
  // Version 2: mount point and our own cgroup below it ("/user.slice/…"); "" where not mounted.
  std::string v2_root, v2_own;
};

// From the text of /proc/self/mountinfo and /proc/self/cgroup.
CgroupTrees parse_cgroup_trees(const std::string& mountinfo, const std::string& own);
CgroupTrees this_process_cgroups();

// A fork bomb's limit, far above what training needs.
constexpr int64_t kDefaultPids = 16384;

struct CgroupLimits {
  double cpus = 0;      // 0: none
  uint64_t memory = 0;  // bytes, swap included; 0: none
  int64_t pids = 0;     // 0: kDefaultPids, where it can be set
};

// Which controllers can be used here, and why not where they cannot.
struct CgroupSupport {
  int version = 0;                             // 1, 2; 0: no cgroup can be made
  std::map<std::string, std::string> missing;  // controller → reason
  std::string hint;
  std::string parent;  // version 2: the directory to make cgroups in
};
CgroupSupport cgroup_support(const CgroupTrees& trees);

class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroup&&) = default;
  Cgroup& operator=(Cgroup&&) = default;

  // Makes "baton-<id>" below our own cgroup (version 1) or beside it (version 2), so that limits
  // set on us hold for the container too. Its directories are written to `record` before they are
  // made. A limit that cannot be set becomes a warning, not an error.
  static Result<Cgroup> create(const CgroupTrees& trees, const std::string& id,
                               const CgroupLimits& limits, const std::string& record);
  // The one that `record` tells of; directories of any other name than "baton-<id>" are refused.
  static Result<Cgroup> open(const std::string& id, const std::string& record);

  // Files into which a process of one thread writes "0" to join (version 1).
  std::vector<std::string> join_files() const;
  // The directory to start in with CLONE_INTO_CGROUP (version 2), or "".
  std::string join_directory() const;
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::map<std::string, std::string>& directories() const { return dirs_; }

  bool oom_killed() const;
  uint64_t peak_memory() const;  // bytes; 0: unknown
  std::vector<pid_t> pids() const;
  // Kills until nothing is left, for two seconds at most, and removes the directories.
  Status remove();

 private:
  void set(const std::string& controller, const std::string& file, const std::string& value,
           const std::string& what);
  void apply(const CgroupSupport& support, const CgroupLimits& limits);

  int version_ = 0;
  std::map<std::string, std::string> dirs_;  // controller → directory; version 2: "" → directory
  std::vector<std::string> warnings_;
};

}  // namespace baton
