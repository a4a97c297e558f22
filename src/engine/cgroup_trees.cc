// Finding the cgroup trees, and a place in them where a container's cgroup can be made.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/cgroup.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr std::array<const char*, 3> kControllers{"memory", "cpu", "pids"};

// The kernel writes space, tab, newline and backslash in mountinfo as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct CgroupMount {
  std::string root, point, type;
  std::vector<std::string> options;
};

std::vector<CgroupMount> cgroup_mounts(const std::string& mountinfo) {
  std::vector<CgroupMount> mounts;
  for (const auto& line : split(mountinfo, '\n')) {
    size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    auto left = split(line.substr(0, dash), ' ');
    auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3 || !starts_with(right[0], "cgroup")) continue;
    mounts.push_back({unescape(left[3]), unescape(left[4]), right[0], split(right[2], ',')});
  }
  return mounts;
}

// Where `path` of a hierarchy is seen under a mount that shows the hierarchy from `root` on; "" if
// it is not.
std::string below(const CgroupMount& mount, const std::string& path) {
  if ((path + "/").find("/../") != std::string::npos) return "";  // outside our cgroup namespace
  if (mount.root == "/") return absolute_path(mount.point + path);
  if (path == mount.root) return mount.point;
  if (starts_with(path, mount.root + "/"))
    return absolute_path(mount.point + path.substr(mount.root.size()));
  return "";
}

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool writable(const std::string& path) { return access(path.c_str(), W_OK) == 0; }

std::vector<std::string> words_of(const std::string& path) {
  auto text = read_file(path, 4096);
  return text.ok() ? split(trim(*text), ' ') : std::vector<std::string>{};
}

// A cgroup with controllers for its children must not hold processes itself, so the new one stands
// beside our own: in the nearest directory above that we may write to.
CgroupSupport support_v2(const CgroupTrees& trees) {
  CgroupSupport support;
  for (std::string path = trees.v2_own; support.parent.empty();) {
    bool top = path == "/";
    path = parent_path(path);
    std::string dir = absolute_path(trees.v2_root + path);
    // Moving a process needs write access to the common ancestor's cgroup.procs: this very
    // directory's.
    if (writable(dir) && writable(dir + "/cgroup.procs")) support.parent = dir;
    if (top || geteuid() != 0) break;
  }
  if (support.parent.empty()) {
    support.hint = "start baton with: systemd-run --user --scope baton …";
    for (const char* controller : kControllers)
      support.missing[controller] = "this user may not make control groups beside " + trees.v2_own;
    return support;
  }
  support.version = 2;
  auto usable = words_of(support.parent + "/cgroup.subtree_control");
  for (const char* controller : kControllers) {
    if (has(usable, controller)) continue;
    // Asked from the root downwards; where it may not be enabled, it stays missing.
    std::string dir = trees.v2_root;
    for (const auto& part : split(support.parent.substr(trees.v2_root.size()), '/')) {
      dir = join_path(dir, part);
      auto file = open_file(dir + "/cgroup.subtree_control", O_WRONLY);
      if (file.ok()) (void)write_all(file->get(), fmt::format("+{}", controller), dir);
    }
    if (!has(words_of(support.parent + "/cgroup.subtree_control"), controller))
      support.missing[controller] =
          fmt::format("the {} controller is not enabled in {}", controller, support.parent);
  }
  return support;
}

CgroupSupport support_v1(const CgroupTrees& trees) {
  CgroupSupport support;
  for (const char* controller : kControllers) {
    auto own = trees.v1.find(controller);
    if (own == trees.v1.end())
      support.missing[controller] =
          fmt::format("this machine has no {} control groups", controller);
    else if (!writable(own->second))
      support.missing[controller] = fmt::format("{} is not writable for this user", own->second);
    else
      support.version = 1;
  }
  if (support.version == 0)
    support.hint = "run baton as root, or on a machine with cgroup version 2";
  return support;
}

}  // namespace

CgroupTrees parse_cgroup_trees(const std::string& mountinfo, const std::string& own) {
  CgroupTrees trees;
  auto mounts = cgroup_mounts(mountinfo);
  for (const auto& line : split(own, '\n')) {
    // "4:memory:/path"; version 2 is "0::/path". A path may hold colons.
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto controllers = split(line.substr(first + 1, second - first - 1), ',');
    std::string path = line.substr(second + 1);
    for (const auto& mount : mounts) {
      bool v2 = line[0] == '0' && second == first + 1;
      if (v2 && mount.type == "cgroup2") {
        std::string dir = below(mount, path);
        if (dir.empty()) continue;
        trees.v2_root = mount.point;
        trees.v2_own = dir.size() > mount.point.size() ? dir.substr(mount.point.size()) : "/";
      }
      if (v2 || mount.type != "cgroup") continue;
      for (const char* controller : kControllers)
        if (has(controllers, controller) && has(mount.options, controller))
          if (std::string dir = below(mount, path); !dir.empty()) trees.v1[controller] = dir;
    }
  }
  return trees;
}

CgroupTrees this_process_cgroups() {
  auto mountinfo = read_file("/proc/self/mountinfo");
  auto own = read_file("/proc/self/cgroup");
  if (!mountinfo.ok() || !own.ok()) return {};
  return parse_cgroup_trees(*mountinfo, *own);
}

CgroupSupport cgroup_support(const CgroupTrees& trees) {
  if (!trees.v1.empty()) return support_v1(trees);
  if (!trees.v2_root.empty()) return support_v2(trees);
  CgroupSupport none;
  for (const char* controller : kControllers)
    none.missing[controller] = "no control groups are mounted";
  return none;
}

}  // namespace baton
