// The root filesystem of image `host`: the machine's own, read-only, without what is private on it.
//
// An overlay over "/" would show only the filesystem of "/" itself (and in a user namespace the
// kernel refuses one over a tree with mounts in it), so each top-level directory is bound, with
// what is mounted below, into a throw-away directory that becomes the root.
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/text.h"
#include "engine/oci_mounts.h"
#include "os/files.h"

namespace baton {
namespace {

// Made afresh, or of no use inside.
constexpr std::array kNotShown{"proc", "sys", "dev", "run", "tmp", "boot", "lost+found"};
// Never homes, whatever a system account's $HOME says.
constexpr std::array kSystem{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt"};

template <class List>
bool listed(const List& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string first_part(const std::string& path) {
  return split(std::string_view(path).substr(1), '/').front();
}

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return realpath(path.c_str(), resolved.data()) ? resolved.data() : "";
}

// Directories that nobody in the container is to see, as real paths.
std::vector<std::string> hidden_places(const ContainerSpec& spec) {
  std::vector<std::string> hidden;
  auto add = [&](const std::string& place, bool may_be_system) {
    std::string path = place.empty() || place[0] != '/' ? "" : real_path(place);
    if (path.empty() || path == "/" || !is_directory(path) || listed(hidden, path)) return;
    // What is mounted over these hides all that is in them.
    if (listed(kNotShown, first_part(path)) || starts_with(path, "/var/tmp/")) return;
    if (may_be_system || !listed(kSystem, first_part(path))) hidden.push_back(path);
  };
  add("/home", false);
  add("/root", false);
  if (const char* home = std::getenv("HOME")) add(home, false);
  add(spec.work_dir, true);
  for (const auto& place : spec.root.hidden) add(place, true);
  return hidden;
}

// What programs may fill is on the disk (relative paths of the plan).
Status plan_scratch(const ContainerSpec& spec, const std::string& root, bool var_tmp, Plan& plan) {
  struct Place {
    const char* disk;
    const char* inside;
    mode_t mode;
  };
  std::vector<Place> places{{"tmp", "/tmp", 01777}, {"run", "/run", 0755}, {"home", "/root", 0700}};
  if (var_tmp) places.push_back({"var-tmp", "/var/tmp", 01777});
  const std::string dir = oci_dir(spec.work_dir);
  for (const auto& place : places) {
    std::string path = join_path(dir, place.disk);
    if (mkdir(path.c_str(), place.mode) != 0 || chmod(path.c_str(), place.mode) != 0)
      return errno_error(errno, "create directory " + path);
    plan.make_dir(root + place.inside, place.mode);  // /var/tmp is there
    plan.mount(place.disk, root + place.inside, "", MS_BIND, "");
  }
  // Programs find the machine's resolver through a link into /run, which is private here.
  std::string resolver = spec.network ? real_path("/etc/resolv.conf") : "";
  if (!starts_with(resolver, "/run/")) return {};
  auto text = read_file(resolver, 1 << 20);
  if (!text.ok()) return {};
  BATON_TRY(make_dirs(dir + parent_path(resolver), 0755));
  return replace_file(dir + resolver, *text, false, 0644);
}

}  // namespace

Status lay_out_host_root(const ContainerSpec& spec, const std::string& root,
                         const std::vector<Mount>& mounts, Plan& plan) {
  const auto hidden = hidden_places(spec);
  BATON_ASSIGN(auto names, list_dir("/"));
  std::vector<std::string> bound;
  for (const auto& name : names) {
    std::string path = "/" + name, target = root + path;
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || listed(kNotShown, name)) continue;
    bool is_private = name == "home" || name == "root" || listed(hidden, path);
    if (S_ISLNK(info.st_mode) && !is_private) {
      std::array<char, PATH_MAX> link{};
      if (readlink(path.c_str(), link.data(), link.size() - 1) > 0)
        plan.make_link(link.data(), target);
    } else if (is_private) {
      plan.make_dir(target, name == "root" ? 0700 : 0755);
    } else if (S_ISDIR(info.st_mode)) {
      plan.make_dir(target, 0755);
      plan.bind_tree(path, target, true);
      bound.push_back(path);
    }
  }
  plan.attach_binds();
  for (const char* name : {"proc", "sys", "dev"}) plan.make_dir(join_path(root, name), 0755);
  bool var_tmp = is_directory("/var/tmp") && listed(bound, "/var");
  BATON_TRY(plan_scratch(spec, root, var_tmp, plan));
  for (const auto& place : hidden)
    if (listed(bound, "/" + first_part(place)))
      plan.mount("tmpfs", root + place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m");
  for (const auto& mount : mounts) {
    const std::string& point = mount.destination;
    bool in_hidden = std::any_of(hidden.begin(), hidden.end(), [&](const auto& place) {
      return starts_with(point, place + "/");
    });
    bool nested = std::any_of(mounts.begin(), mounts.end(), [&](const auto& outer) {
      return starts_with(point, outer.destination + "/");
    });
    if (in_hidden || nested || !listed(bound, "/" + first_part(point)) || exists(point)) continue;
    return Error{Code::invalid,
                 fmt::format("mount point {} does not exist, and with image: host the machine's "
                             "own directories are read-only",
                             point),
                 "mount it on a new top-level directory, such as /data, or create it"};
  }
  return {};
}

}  // namespace baton
