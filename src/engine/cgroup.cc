#include "engine/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/text.h"
#include "os/clock.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr int kPeriod = 100'000;  // microseconds, the kernel's default

std::string read_text(const std::string& path) {
  auto text = read_file(path, 1 << 20);
  return text.ok() ? *text : "";
}

Status write_text(const std::string& path, const std::string& text) {
  BATON_ASSIGN(Fd fd, open_file(path, O_WRONLY));
  return write_all(fd.get(), text, path);
}

// The number after `key` in a file of "key number" lines.
uint64_t keyed_number(const std::string& text, const std::string& key) {
  for (const auto& line : split(text, '\n'))
    if (starts_with(line, key + " ")) return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  return 0;
}

std::string quota(double cpus) {
  return std::to_string(std::max(1000LL, std::llround(cpus * kPeriod)));
}

bool removed(const std::string& dir) { return rmdir(dir.c_str()) == 0 || errno == ENOENT; }

}  // namespace

Result<Cgroup> Cgroup::create(const CgroupTrees& trees, const std::string& id,
                              const CgroupLimits& limits, const std::string& record) {
  CgroupSupport support = cgroup_support(trees);
  Cgroup group;
  group.version_ = support.version;
  std::string name = "baton-" + id;
  if (support.version == 2) group.dirs_[""] = join_path(support.parent, name);
  for (const auto& [controller, own] : trees.v1)
    if (support.version == 1 && !support.missing.count(controller))
      group.dirs_[controller] = join_path(own, name);
  // Without a limit to set, its controller only costs time; memory is also for what was used.
  if (limits.cpus <= 0) group.dirs_.erase("cpu");
  std::string lines;
  for (const auto& [controller, dir] : group.dirs_) lines += controller + "\t" + dir + "\n";
  BATON_TRY(replace_file(record, lines, false, 0600));
  for (const auto& [controller, dir] : group.dirs_)
    if (mkdir(dir.c_str(), 0755) != 0 && errno != EEXIST) {
      Error error = errno_error(errno, "create control group " + dir);
      Status ignored = group.remove();  // the first failure is the one to tell of
      (void)ignored;
      return error;
    }
  group.apply(support, limits);
  const std::map<std::string, bool> wanted{
      {"cpu", limits.cpus > 0}, {"memory", limits.memory > 0}, {"pids", limits.pids > 0}};
  for (const auto& [controller, why] : support.missing)
    if (wanted.at(controller))
      group.warnings_.push_back(fmt::format("the {} limit is not enforced: {}{}", controller, why,
                                            support.hint.empty() ? "" : " (" + support.hint + ")"));
  return group;
}

Result<Cgroup> Cgroup::open(const std::string& id, const std::string& record) {
  Cgroup group;
  auto text = read_file(record);
  if (text.is(Code::not_found)) return group;
  if (!text.ok()) return text.error();
  for (const auto& line : split(*text, '\n')) {
    size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    std::string dir = line.substr(tab + 1);
    if (base_name(dir) != "baton-" + id || dir.find("/../") != std::string::npos)
      return Error{
          Code::corrupt,
          fmt::format("{} names {}, which is not this container's", record, printable(dir)),
          "remove the file"};
    group.dirs_[line.substr(0, tab)] = dir;
  }
  group.version_ = group.dirs_.count("") ? 2 : 1;
  return group;
}

void Cgroup::set(const std::string& controller, const std::string& file, const std::string& value,
                 const std::string& what) {
  auto dir = dirs_.find(version_ == 2 ? "" : controller);
  if (dir == dirs_.end()) return;
  Status status = write_text(join_path(dir->second, file), value);
  if (!status.ok())
    warnings_.push_back(
        fmt::format("the {} limit is not enforced: {}", what, status.error().message));
}

void Cgroup::apply(const CgroupSupport& support, const CgroupLimits& limits) {
  bool two = version_ == 2;
  auto usable = [&](const char* controller) { return !support.missing.count(controller); };
  // Swap counts as memory; kernels without swap accounting have no file for it.
  if (limits.memory > 0 && usable("memory")) {
    std::string bytes = std::to_string(limits.memory);
    set("memory", two ? "memory.max" : "memory.limit_in_bytes", bytes, "memory");
    const char* swap = two ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
    if (exists(join_path(dirs_[two ? "" : "memory"], swap)))
      set("memory", swap, two ? "0" : bytes, "swap");
  }
  if (limits.cpus > 0 && usable("cpu")) {
    if (two) {
      set("cpu", "cpu.max", fmt::format("{} {}", quota(limits.cpus), kPeriod), "cpu");
    } else {
      set("cpu", "cpu.cfs_period_us", std::to_string(kPeriod), "cpu");
      set("cpu", "cpu.cfs_quota_us", quota(limits.cpus), "cpu");
    }
  }
  if (usable("pids"))
    set("pids", "pids.max", std::to_string(limits.pids > 0 ? limits.pids : kDefaultPids),
        "process");
}

// "tasks" and not "cgroup.procs": a single thread that moves itself spares the kernel's
// machine-wide lock, which costs several milliseconds.
std::vector<std::string> Cgroup::join_files() const {
  std::vector<std::string> files;
  if (version_ == 1)
    for (const auto& [controller, dir] : dirs_) files.push_back(join_path(dir, "tasks"));
  return files;
}

std::string Cgroup::join_directory() const {
  auto dir = dirs_.find("");
  return dir == dirs_.end() ? "" : dir->second;
}

bool Cgroup::oom_killed() const {
  if (version_ == 2)
    return keyed_number(read_text(join_path(join_directory(), "memory.events")), "oom_kill") > 0;
  auto dir = dirs_.find("memory");
  return dir != dirs_.end() &&
         keyed_number(read_text(join_path(dir->second, "memory.oom_control")), "oom_kill") > 0;
}

uint64_t Cgroup::peak_memory() const {
  auto dir = dirs_.find(version_ == 2 ? "" : "memory");
  if (dir == dirs_.end()) return 0;
  const char* file =
      version_ == 2 ? "memory.peak" : "memory.max_usage_in_bytes";  // peak: Linux 5.19
  return std::strtoull(read_text(join_path(dir->second, file)).c_str(), nullptr, 10);
}

std::vector<pid_t> Cgroup::pids() const {
  std::set<pid_t> found;
  for (const auto& [controller, dir] : dirs_)
    for (const auto& line : split(read_text(join_path(dir, "cgroup.procs")), '\n'))
      if (int pid = std::atoi(line.c_str()); pid > 0) found.insert(pid);
  return {found.begin(), found.end()};
}

Status Cgroup::remove() {
  SystemClock clock;
  int64_t deadline = clock.mono_ms() + 2000;
  while (true) {
    std::erase_if(dirs_, [](const auto& entry) { return removed(entry.second); });
    if (dirs_.empty()) return {};
    int error = errno;
    for (pid_t pid : pids()) ::kill(pid, SIGKILL);
    if (clock.mono_ms() > deadline)
      return errno_error(error, "remove control group " + dirs_.begin()->second);
    clock.sleep_ms(1);
  }
}

}  // namespace baton
