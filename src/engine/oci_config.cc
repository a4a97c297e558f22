#include "engine/oci_config.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "engine/seccomp.h"

namespace baton {
namespace {

const Json kCapabilities{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                         "CAP_KILL",  "CAP_SETGID",       "CAP_SETUID"};
const Json kMasked{"/proc/acpi",       "/proc/interrupts",  "/proc/kcore",
                   "/proc/keys",       "/proc/sched_debug", "/proc/scsi",
                   "/proc/timer_list", "/sys/firmware",     "/sys/devices/virtual/powercap"};
const Json kReadOnly{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

Json mount(const std::string& destination, const std::string& type, const std::string& source,
           const Json& options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", options}};
}

// Files are bound without recursion: crun 1.8 takes the target of a recursive option for a
// directory.
Json bind(const Bind& wanted) {
  Json options =
      wanted.is_file ? Json{"bind", "nosuid", "nodev"} : Json{"rbind", "nosuid", "nodev"};
  if (wanted.writable)
    options.push_back("rw");
  else
    options.push_back(wanted.is_file ? "ro" : "rro");
  return mount(wanted.destination, "bind", wanted.source, options);
}

// In a user namespace devices cannot be made, so they are bound, as the runtime does with
// /dev/null.
Json device(const CdiDevice& wanted) {
  Json options{"bind", "nosuid", "noexec"};
  options.push_back(wanted.writable ? "rw" : "ro");
  return mount(wanted.path, "bind", wanted.host_path, options);
}

Json mounts(const ContainerSpec& spec, const OciInput& input) {
  Json pts{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!input.single_id) pts.push_back("gid=5");
  Json list = Json::array(
      {mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
       mount("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}),
       mount("/dev/pts", "devpts", "devpts", pts),
       mount("/dev/shm", "tmpfs", "shm",
             {"nosuid", "nodev", "noexec", "mode=1777", "size=" + std::to_string(spec.shm)}),
       mount("/sys", "bind", "/sys", {"rbind", "rro", "nosuid", "noexec", "nodev"})});
  for (const auto& wanted : input.devices.devices) list.push_back(device(wanted));
  for (const auto& wanted : input.devices.mounts) {
    Json options = wanted.options.empty() ? Json{"ro", "nosuid", "nodev"} : Json(wanted.options);
    bool is_bind = wanted.type.empty() || wanted.type == "bind";
    auto says_bind = [](const Json& option) { return option == "bind" || option == "rbind"; };
    if (is_bind && std::none_of(options.begin(), options.end(), says_bind))
      options.push_back("rbind");
    list.push_back(
        mount(wanted.container_path, is_bind ? "bind" : wanted.type, wanted.host_path, options));
  }
  for (const Bind& wanted : input.binds) list.push_back(bind(wanted));
  return list;
}

Json environment(const ContainerSpec& spec, const CdiEdits& devices) {
  std::vector<std::pair<std::string, std::string>> all{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/root"}};
  // A later word on the same variable wins: the spec's over a device's over ours.
  auto put = [&](const std::pair<std::string, std::string>& pair) {
    std::erase_if(all, [&](const auto& old) { return old.first == pair.first; });
    all.push_back(pair);
  };
  for (const auto& pair : devices.env) put(pair);
  for (const auto& pair : spec.env) put(pair);
  Json list = Json::array();
  for (const auto& [key, value] : all) list.push_back(key + "=" + value);
  return list;
}

Json hooks(const CdiEdits& devices) {
  Json json = Json::object();
  for (const auto& hook : devices.hooks) {
    Json entry{{"path", hook.path}};
    if (!hook.args.empty()) entry["args"] = hook.args;
    if (!hook.env.empty()) entry["env"] = hook.env;
    if (hook.timeout > 0) entry["timeout"] = hook.timeout;
    json[hook.name].push_back(entry);
  }
  return json;
}

Json process(const ContainerSpec& spec, const OciInput& input) {
  Json args{"/baton/bin/baton", "pid1", "--cwd", spec.cwd, "--"};
  for (const auto& word : spec.argv) args.push_back(word);
  Json user{{"uid", 0}, {"gid", 0}};
  if (!input.single_id && !input.devices.additional_gids.empty())
    user["additionalGids"] = input.devices.additional_gids;
  Json sets;
  for (const char* set : {"bounding", "effective", "permitted"}) sets[set] = kCapabilities;
  return {{"terminal", false},   {"user", user},
          {"args", args},        {"env", environment(spec, input.devices)},
          {"cwd", "/"},          {"noNewPrivileges", true},
          {"capabilities", sets}};
}

}  // namespace

Json oci_config(const ContainerSpec& spec, const OciInput& input) {
  Json namespaces = Json::array();
  for (const char* type : {"mount", "pid", "ipc", "uts"}) namespaces.push_back({{"type", type}});
  if (!spec.network) namespaces.push_back({{"type", "network"}});
  Json config{{"ociVersion", "1.0.2"},
              {"process", process(spec, input)},
              {"root", {{"path", input.root}, {"readonly", false}}},
              {"hostname", spec.hostname},
              {"mounts", mounts(spec, input)},
              {"linux",
               {{"namespaces", namespaces},
                {"maskedPaths", kMasked},
                {"readonlyPaths", kReadOnly},
                {"seccomp", seccomp_profile(input.machine)}}}};
  Json all_hooks = hooks(input.devices);
  if (!all_hooks.empty()) config["hooks"] = all_hooks;
  // Without groups to set in the namespace, those that give access to a device are kept as they
  // are.
  if (input.single_id) config["annotations"] = {{"run.oci.keep_original_groups", "1"}};
  return config;
}

}  // namespace baton
