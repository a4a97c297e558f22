#include "engine/machine.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/cgroup.h"
#include "engine/id_map.h"
#include "os/files.h"

namespace baton {
namespace {

// A sysctl's value, "" where this kernel has none.
std::string sysctl(const std::string& name) {
  auto text = read_file("/proc/sys/" + name, 256);
  return text.ok() ? std::string(trim(*text)) : "";
}

}  // namespace

std::string user_namespace_obstacle() {
  if (sysctl("user/max_user_namespaces") == "0")
    return "user namespaces are switched off: sysctl -w user.max_user_namespaces=15000";
  if (geteuid() == 0) return "";
  if (sysctl("kernel/unprivileged_userns_clone") == "0")  // Debian 10, some hardened kernels
    return "only root may make user namespaces: sysctl -w kernel.unprivileged_userns_clone=1";
  if (sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1")  // Ubuntu 23.10 and later
    return "AppArmor restricts user namespaces: sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  return "";
}

Json describe_machine() {
  utsname name{};
  uname(&name);
  CgroupSupport cgroups = cgroup_support(this_process_cgroups());
  IdMap ids = choose_id_map();
  Json limits = Json::object();
  for (const char* controller : {"memory", "cpu", "pids"}) {
    auto why = cgroups.missing.find(controller);
    limits[controller] =
        why == cgroups.missing.end() ? Json("works") : Json("not enforced: " + why->second);
  }
  Json json{{"kernel", name.release},
            {"cgroup_version", cgroups.version},
            {"limits", limits},
            {"rootless", geteuid() != 0},
            {"ids", ids.single()            ? "only this user's"
                    : ids.newuidmap.empty() ? "all"
                                            : "this user's and a range of /etc/subuid"}};
  if (!cgroups.hint.empty()) json["limits_hint"] = cgroups.hint;
  if (std::string obstacle = user_namespace_obstacle(); !obstacle.empty())
    json["obstacle"] = obstacle;
  return json;
}

}  // namespace baton
