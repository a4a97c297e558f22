// What a forked child does in its new namespaces before it becomes the container runtime.
//
// The agent has threads, so between fork and exec the child may call nothing that allocates or
// locks. A Plan is therefore made of finished system calls: everything is laid out before the fork.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/id_map.h"
#include "os/process.h"

namespace baton {

class Plan {
 public:
  // Directory of the relative paths of every other step.
  void change_dir(const std::string& path);
  void make_dir(const std::string& path, mode_t mode);
  // New files, with exactly that mode.
  void make_file(const std::string& path, const std::string& bytes, mode_t mode);
  void make_link(const std::string& target, const std::string& path);
  void mount(const std::string& source, const std::string& target, const std::string& type,
             unsigned long flags, const std::string& data);
  // An overlay whose lower layers (lowest first) and `upper` are existing directories; so is
  // UPPER.work beside it. Where the filesystem of these cannot carry one (an overlay itself, NFS),
  // `fallback` and FALLBACK.work are made, on another one, and take their place.
  void overlay(const std::vector<std::string>& lower, const std::string& upper,
               const std::string& target, const std::string& fallback);
  // Binds `source` with everything mounted below it. Sources are taken before the first target is
  // covered: end a run of binds with attach_binds().
  void bind_tree(const std::string& source, const std::string& target, bool read_only);
  void attach_binds();
  void write_file(const std::string& path, const std::string& text);
  // A failure of the step before this one is passed over.
  void tolerate();

  // Runs in the child: async-signal-safe. The failed step's index, or -1; errno tells why.
  int run();
  // "mount an overlay on /x": for the message about a failed step.
  std::string describe(int step) const;

 private:
  enum class Kind {
    change_dir,
    make_dir,
    make_file,
    make_link,
    mount,
    overlay,
    clone_tree,
    attach_tree,
    write_file
  };
  struct Step {
    Kind kind;
    const char* source = nullptr;
    const char* target = nullptr;
    const char* type = nullptr;
    const char* data = nullptr;
    size_t size = 0;  // of data, for files
    unsigned long flags = 0;
    mode_t mode = 0;
    size_t source_step = 0;            // of attach_tree: where the tree was cloned
    int fd = -1;                       // of clone_tree, once run
    std::vector<const char*> lower{};  // of an overlay, topmost first
    const char* upper = nullptr;       // of an overlay
    const char* fallback = nullptr;    // of an overlay
    bool tolerated = false;
  };
  const char* keep(const std::string& text);
  bool execute(Step& step);
  static bool write_data(const Step& step, int fd);
  static bool mount_overlay(const Step& step, const char* upper);

  std::deque<std::string> texts_;  // stable addresses for the steps' strings
  std::vector<Step> steps_;
  std::vector<std::pair<size_t, const char*>> unattached_;  // clone_tree steps and their targets
};

struct PlannedChild {
  Plan* plan = nullptr;
  IdMap ids;
  std::vector<std::string> argv;  // argv[0] is a full path
  std::vector<std::string> env;
  int in_fd = -1, out_fd = -1, err_fd = -1;
  std::vector<std::pair<int, int>> keep;  // (fd here, fd number in the child)
  int cgroup_fd = -1;                     // of a version 2 cgroup to start in; -1: none
};

// Forks into new user and mount namespaces with `ids`, runs the plan and executes argv. Returns
// once argv is running; a failed step is the error.
Result<Child> start_planned(const PlannedChild& options);

}  // namespace baton
