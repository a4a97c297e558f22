#include "engine/seccomp.h"

#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace baton {
namespace {

// Changing what the container sees, or the machine, or doors that attackers use and training does
// not.
const std::vector<const char*> kDenied{"mount",
                                       "umount",
                                       "umount2",
                                       "pivot_root",
                                       "move_mount",
                                       "open_tree",
                                       "fsopen",
                                       "fsmount",
                                       "fsconfig",
                                       "fspick",
                                       "mount_setattr",
                                       "setns",
                                       "kexec_load",
                                       "kexec_file_load",
                                       "init_module",
                                       "finit_module",
                                       "delete_module",
                                       "create_module",
                                       "query_module",
                                       "get_kernel_syms",
                                       "reboot",
                                       "swapon",
                                       "swapoff",
                                       "acct",
                                       "quotactl",
                                       "quotactl_fd",
                                       "syslog",
                                       "iopl",
                                       "ioperm",
                                       "settimeofday",
                                       "clock_settime",
                                       "stime",
                                       "vhangup",
                                       "sethostname",
                                       "setdomainname",
                                       "nfsservctl",
                                       "lookup_dcookie",
                                       "uselib",
                                       "ustat",
                                       "sysfs",
                                       "_sysctl",
                                       "vm86",
                                       "vm86old",
                                       "modify_ldt",
                                       "keyctl",
                                       "add_key",
                                       "request_key",
                                       "bpf",
                                       "perf_event_open",
                                       "userfaultfd",
                                       "open_by_handle_at",
                                       "name_to_handle_at",
                                       "fanotify_init"};

// Libraries have another way when the kernel seems too old for these. clone3 passes its flags in
// memory, where no filter can look; io_uring performs calls that no filter sees.
const std::vector<const char*> kUnknown{"clone3", "io_uring_setup", "io_uring_enter",
                                        "io_uring_register"};

constexpr uint64_t kNewTime =
    0x80;  // CLONE_NEWTIME; in clone(2) the same bit belongs to the exit signal

Json rule(const Json& names, int error, const Json& arguments = nullptr) {
  Json json{{"names", names}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", error}};
  if (!arguments.is_null()) json["args"] = Json::array({arguments});
  return json;
}

Json has_flag(uint64_t flag) {
  return {{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}};
}

Json equals(uint64_t value) { return {{"index", 0}, {"value", value}, {"op", "SCMP_CMP_EQ"}}; }

}  // namespace

Json seccomp_profile(const std::string& machine) {
  Json rules = Json::array({rule(kDenied, EPERM), rule(kUnknown, ENOSYS)});
  for (uint64_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                        CLONE_NEWPID, CLONE_NEWNET})
    rules.push_back(rule(Json::array({"clone", "unshare"}), EPERM, has_flag(flag)));
  rules.push_back(rule(Json::array({"unshare"}), EPERM, has_flag(kNewTime)));
  for (uint64_t family : {AF_VSOCK, AF_ALG})
    rules.push_back(rule(Json::array({"socket"}), EAFNOSUPPORT, equals(family)));
  Json profile{{"defaultAction", "SCMP_ACT_ALLOW"}};
  if (machine == "x86_64") profile["architectures"] = Json::array({"SCMP_ARCH_X86_64"});
  if (machine == "aarch64") profile["architectures"] = Json::array({"SCMP_ARCH_AARCH64"});
  profile["syscalls"] = rules;
  return profile;
}

}  // namespace baton
