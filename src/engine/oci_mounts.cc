#include "engine/oci_mounts.h"

#include <fcntl.h>
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
#include "os/files.h"

namespace baton {
namespace {

bool within(const std::string& path, const std::string& parent) {
  return path == parent || starts_with(path, parent == "/" ? parent : parent + "/");
}

Status check_destination(const std::string& path) {
  bool normal = !path.empty() && path[0] == '/' && path.find('\0') == std::string::npos &&
                absolute_path(path) == path;
  if (!normal)
    return Error{Code::invalid,
                 fmt::format("mount point {} is not a plain absolute path", printable(path)),
                 "write it as /data, without .. or a slash at the end"};
  if (path == "/")
    return Error{Code::invalid, "nothing can be mounted over the container's root",
                 "use image: for the root filesystem"};
  for (const char* reserved : {"/proc", "/sys", "/dev", "/baton/bin"})
    if (within(path, reserved))
      return Error{Code::invalid,
                   fmt::format("mount point {} lies in {}, which belongs to the container itself",
                               path, reserved),
                   "choose another one, such as /data"};
  return {};
}

Status mkdir_new(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 || chmod(path.c_str(), mode) != 0)
    return errno_error(errno, "create directory " + path);
  return {};
}

// The mode of the directory `name` in the topmost layer that has it, so that our own layer above
// does not change it.
mode_t mode_in(const std::vector<std::string>& layers, const std::string& name) {
  struct stat info {};
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (lstat(join_path(*layer, name).c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      return info.st_mode & 07777;
  return 0755;
}

bool in_any(const std::vector<std::string>& layers, const std::string& path) {
  struct stat info {};
  return std::any_of(layers.begin(), layers.end(),
                     [&](const auto& layer) { return lstat((layer + path).c_str(), &info) == 0; });
}

std::string hosts_file(const std::string& hostname) {
  auto machine = read_file("/etc/hosts", 1 << 20);
  std::string text = machine.ok() ? *machine : "127.0.0.1 localhost\n::1 localhost ip6-localhost\n";
  if (!text.empty() && text.back() != '\n') text += '\n';
  if (!hostname.empty()) text += "127.0.1.1 " + hostname + "\n";
  return text;
}

// A layer of our own on top of the image: the files by which it knows names, and mount points.
void plan_names_layer(const ContainerSpec& spec, const std::vector<Mount>& mounts,
                      const std::string& layer, Plan& plan) {
  const auto& layers = spec.root.layers;
  plan.make_dir(layer, mode_in(layers, ""));
  std::string etc = layer + "/etc";
  plan.make_dir(etc, mode_in(layers, "etc"));
  plan.make_file(etc + "/hosts", hosts_file(spec.hostname), 0644);
  plan.make_file(etc + "/hostname", spec.hostname + "\n", 0644);
  if (spec.network) {
    auto resolver = read_file("/etc/resolv.conf", 1 << 20);
    if (resolver.ok()) plan.make_file(etc + "/resolv.conf", *resolver, 0644);
  }
  // The runtime would make them in the throw-away layer, on the disk.
  for (const auto& mount : mounts) {
    const std::string& point = mount.destination;
    bool top = point.rfind('/') == 0 && is_directory(mount.source);
    if (top && !in_any(layers, point)) plan.make_dir(layer + point, 0755);
  }
}

// In the helper's mount namespace only the container's own cgroup is left to be seen: nothing
// inside can reach another one, and crun 1.8, which refuses machines that mix version 1 and 2,
// meets none.
void plan_cgroup_view(const Cgroup& cgroup, Plan& plan) {
  const std::string base = "/sys/fs/cgroup";
  if (!cgroup.join_directory().empty()) {
    plan.bind_tree(cgroup.join_directory(), base, true);
    plan.attach_binds();
    return;
  }
  for (const auto& [controller, dir] : cgroup.directories())
    plan.bind_tree(dir, join_path(base, controller), true);
  plan.mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k");
  plan.tolerate();  // a kernel without cgroups has no such directory
  // runc takes a read-only directory for an answer, but not one that is missing.
  std::vector<std::string> hierarchies;
  if (auto names = list_dir(base); names.ok() && !exists(base + "/cgroup.procs"))
    hierarchies = *names;
  for (const auto& name : hierarchies) {
    plan.make_dir(join_path(base, name), 0755);
    plan.tolerate();
  }
  plan.attach_binds();
  plan.mount("", base, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  plan.tolerate();
}

// Mount points inside another mount are made by the runtime; in read-only data that would write to
// what is the user's.
Status check_nesting(const std::vector<Mount>& mounts, const Mount& inner) {
  for (const auto& outer : mounts) {
    if (&outer == &inner || outer.writable || outer.throw_away) continue;
    if (!within(inner.destination, outer.destination)) continue;
    std::string place = outer.source + inner.destination.substr(outer.destination.size());
    if (!exists(place))
      return Error{
          Code::invalid,
          fmt::format("mount point {} does not exist in {}, which is mounted read-only on {}",
                      inner.destination, outer.source, outer.destination),
          fmt::format("create {}, or mount it elsewhere", place)};
  }
  return {};
}

}  // namespace

std::string oci_dir(const std::string& work_dir) { return join_path(work_dir, "oci"); }

Result<std::vector<Mount>> checked_mounts(const ContainerSpec& spec) {
  std::vector<Mount> mounts = spec.mounts;
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const Mount& a, const Mount& b) { return a.destination < b.destination; });
  for (size_t i = 0; i < mounts.size(); ++i) {
    const Mount& mount = mounts[i];
    BATON_TRY(check_destination(mount.destination));
    if (i > 0 && mounts[i - 1].destination == mount.destination)
      return Error{Code::invalid,
                   fmt::format("two mounts have the mount point {}", mount.destination),
                   "give each its own"};
    if (access(mount.source.c_str(), F_OK) != 0)
      return errno_error(errno, fmt::format("mount {} on {}", mount.source, mount.destination));
    if (mount.throw_away && !is_directory(mount.source))
      return Error{Code::invalid, fmt::format("{} is not a directory", mount.source), ""};
    BATON_TRY(check_nesting(mounts, mount));
  }
  return mounts;
}

Result<OciLayout> lay_out(const ContainerSpec& spec, const Cgroup& cgroup, Plan& plan) {
  const std::string dir = oci_dir(spec.work_dir);
  OciLayout layout;
  layout.root = dir + "/root";
  BATON_ASSIGN(auto mounts, checked_mounts(spec));
  // From here on relative paths are on the disk, and those that begin with `dir` in memory.
  plan.change_dir(dir);
  plan.mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  plan.make_dir(layout.root, 0755);
  int count = 0;
  auto add_overlay = [&](const std::vector<std::string>& lower,
                         const std::string& target) -> Status {
    std::string upper = fmt::format("upper{}", count++);
    BATON_TRY(mkdir_new(join_path(dir, upper), 0755));
    BATON_TRY(mkdir_new(join_path(dir, upper + ".work"), 0755));
    plan.overlay(lower, upper, target, join_path(dir, upper));
    return {};
  };
  if (spec.root.host) {
    BATON_TRY(lay_out_host_root(spec, layout.root, mounts, plan));
    if (exists("/etc/hosts")) {
      plan.make_file(dir + "/hosts", hosts_file(spec.hostname), 0644);
      plan.mount(dir + "/hosts", layout.root + "/etc/hosts", "", MS_BIND, "");
    }
  } else {
    std::vector<std::string> lower = spec.root.layers;
    for (const auto& layer : lower)
      if (layer[0] != '/' || !is_directory(layer))
        return Error{Code::not_found, fmt::format("image layer {} is missing", layer),
                     "build the image again"};
    lower.push_back(dir + "/names");
    plan_names_layer(spec, mounts, lower.back(), plan);
    BATON_TRY(add_overlay(lower, layout.root));
  }
  for (const auto& mount : mounts) {
    Bind bind{mount.source, mount.destination, mount.writable, !is_directory(mount.source)};
    if (mount.throw_away) {
      bind.source = fmt::format("{}/view{}", dir, count);
      bind.writable = true;
      plan.make_dir(bind.source, 0755);
      BATON_TRY(add_overlay({mount.source}, bind.source));
    }
    layout.binds.push_back(bind);
  }
  if (!spec.init_path.empty()) {
    // /proc/self/exe would be the runtime when the runtime resolves it.
    std::array<char, PATH_MAX> binary{};
    if (!realpath(spec.init_path.c_str(), binary.data()))
      return errno_error(errno, "find " + spec.init_path);
    layout.binds.push_back({binary.data(), "/baton/bin/baton", false, true});
  }
  plan_cgroup_view(cgroup, plan);
  return layout;
}

}  // namespace baton
