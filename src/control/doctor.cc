#include "control/doctor.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "notice/notice.h"
#include "os/cloud.h"
#include "os/files.h"
#include "os/process.h"
#include "store/open_store.h"

namespace baton {
namespace {

using Grade = Check::Grade;
constexpr int64_t kPatienceMs = 10'000;

// The first line that a command prints, or none when it fails.
std::optional<std::string> first_line(const std::vector<std::string>& argv) {
  SpawnOptions options;
  options.argv = argv;
  auto output = run_command(options, kPatienceMs);
  if (!output || !output->status.success()) return std::nullopt;
  return std::string(trim(split(output->out, '\n')[0]));
}

std::string existing_part(std::string path) {
  while (path != "/" && !exists(path)) path = parent_path(path);
  return path;
}

Check check_home(const Settings& settings) {
  std::string place = existing_part(settings.home);
  if (access(place.c_str(), W_OK | X_OK) == 0) return {"home", Grade::good, settings.home, ""};
  return {"home", Grade::broken,
          settings.home + " cannot be written: " + errno_error(errno, place).message,
          "export BATON_HOME=/a/directory/of/yours"};
}

// Whether names in `directory` can be hard links, by making one.
Status try_hard_link(const std::string& directory) {
  BATON_ASSIGN(TempDir place, TempDir::create(".baton-doctor-", directory));
  std::string a = join_path(place.path(), "a"), b = join_path(place.path(), "b");
  BATON_TRY(replace_file(a, "", false));
  if (link(a.c_str(), b.c_str()) != 0)
    return errno_error(errno, "make a hard link in " + directory);
  return {};
}

Check check_store(const Settings& settings) {
  if (is_bucket_url(settings.store))
    return {"store", Grade::good,
            settings.store + " (from " + settings.store_from +
                "), a bucket; `baton store check` tries it",
            ""};
  Status linked = try_hard_link(existing_part(settings.store));
  if (linked)
    return {"store", Grade::good,
            settings.store + " (from " + settings.store_from + "), with hard links", ""};
  return {
      "store", Grade::broken, linked.error().message,
      "export BATON_STORE=/a/directory on a filesystem with hard links (ext4, xfs, btrfs, NFS)"};
}

Check check_space(const std::string& name, const std::string& path) {
  constexpr uint64_t kLow = 5ull << 30;
  struct statvfs space {};
  std::string place = existing_part(path);
  if (statvfs(place.c_str(), &space) != 0)
    return {name, Grade::lacking, errno_error(errno, "look at " + place).message, "df -h " + place};
  uint64_t free_bytes = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  std::string found = human_size(free_bytes) + " free at " + place;
  if (free_bytes >= kLow) return {name, Grade::good, found, ""};
  return {name, Grade::lacking, found,
          "make room: baton store gc; baton image rm --unused; baton rm JOB"};
}

Check check_runtime() {
  for (const char* program : {"crun", "runc"})
    if (auto version = first_line({program, "--version"}))
      return {"container runtime", Grade::good, *version, ""};
  return {"container runtime", Grade::broken, "neither crun nor runc is installed",
          "apt-get install crun"};
}

Check check_engine(Engine& engine) {
  Status status = engine.check();
  if (status) return {"engine", Grade::good, engine.name() + " runs containers here", ""};
  return {"engine", Grade::broken, status.error().message, status.error().hint};
}

// Which of resources.memory, cpus and the limit of processes are enforced.
Check check_limits(const Json& machine) {
  int64_t version = get_int(machine, "cgroup_version");
  std::string found =
      version == 0 ? "no control groups of its own" : fmt::format("cgroup version {}", version);
  bool all = true;
  if (auto limits = machine.find("limits"); limits != machine.end() && limits->is_object())
    for (const auto& item : limits->items()) {
      std::string state = item.value().is_string() ? item.value().get<std::string>() : "";
      all = all && state == "works";
      found += ", " + item.key() + " " + state;
    }
  return {"limits", all ? Grade::good : Grade::lacking, found, get_string(machine, "limits_hint")};
}

// An overlay, mounted for a moment in a mount namespace of its own.
Check check_overlay() {
  std::string name = "overlayfs";
  auto place = TempDir::create("baton-doctor-");
  if (!place) return {name, Grade::broken, place.error().message, place.error().hint};
  SpawnOptions options;
  options.cwd = place->path();
  options.argv = {"unshare", "--mount"};
  if (geteuid() != 0) options.argv.insert(options.argv.end(), {"--user", "--map-root-user"});
  // The temporary filesystem keeps an overlay on an overlay (a container's root) from counting as a
  // failure.
  options.argv.insert(options.argv.end(),
                      {"sh", "-c",
                       "mount -t tmpfs tmpfs . && cd \"$PWD\" && mkdir l u w m && "
                       "mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m"});
  auto output = run_command(options, kPatienceMs);
  if (output && output->status.success()) return {name, Grade::good, "can be mounted", ""};
  return {name, Grade::broken,
          "cannot be mounted" + (output ? ": " + std::string(trim(output->err)) : ""),
          geteuid() == 0 ? "modprobe overlay" : "needs Linux 5.11 or later, or root"};
}

Check check_user_namespaces() {
  std::string name = "user namespaces";
  if (geteuid() == 0) return {name, Grade::good, "not needed: this is root", ""};
  if (first_line({"unshare", "--user", "--map-root-user", "echo", "ok"}))
    return {name, Grade::good, "work", ""};
  std::string fix = exists("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
                        ? "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
                        : "sudo sysctl -w kernel.unprivileged_userns_clone=1";
  return {name, Grade::broken, "this user may not make them", fix};
}

bool has_range(const std::string& file, const std::string& user) {
  auto text = read_file(file);
  if (!text) return false;
  for (const auto& line : split(*text, '\n')) {
    std::string owner = split(line, ':')[0];
    if (owner == user || owner == std::to_string(geteuid())) return true;
  }
  return false;
}

Check check_id_ranges(const Environment& environment) {
  std::string name = "subordinate ids";
  if (geteuid() == 0) return {name, Grade::good, "not needed: this is root", ""};
  std::string user = environment("USER").value_or(std::to_string(geteuid()));
  if (!find_program("newuidmap"))
    return {name, Grade::lacking,
            "newuidmap is not installed, so images of packages cannot be made",
            "sudo apt-get install uidmap"};
  if (has_range("/etc/subuid", user) && has_range("/etc/subgid", user))
    return {name, Grade::good, "ranges in /etc/subuid and /etc/subgid", ""};
  return {
      name, Grade::lacking, "no range for " + user + ", so images of packages cannot be made",
      "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + shell_quote(user)};
}

Check check_mmdebstrap() {
  if (auto version = first_line({"mmdebstrap", "--version"}))
    return {"image builder", Grade::good, *version, ""};
  return {"image builder", Grade::lacking,
          "mmdebstrap is not installed, so image: {debian: …} cannot be made",
          "apt-get install mmdebstrap"};
}

Check check_gpus() {
  std::vector<std::string> specs;
  for (const char* directory : {"/etc/cdi", "/var/run/cdi"})
    if (auto names = list_dir(directory))
      for (const auto& file : *names)
        if (ends_with(file, ".json") || ends_with(file, ".yaml"))
          specs.push_back(join_path(directory, file));
  bool nvidia = exists("/dev/nvidiactl");
  if (!specs.empty())
    return {"GPUs", Grade::good, fmt::format("{} CDI specs, first {}", specs.size(), specs[0]), ""};
  if (!nvidia) return {"GPUs", Grade::good, "none", ""};
  return {"GPUs", Grade::lacking, "an NVIDIA GPU without a CDI spec, so containers cannot use it",
          "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"};
}

Check check_cloud() {
  std::string cloud = detect_cloud();
  return {"cloud", Grade::good,
          cloud.empty() ? "none: notices come from the file and from signals" : cloud, ""};
}

Check check_kernel() {
  utsname names{};
  if (uname(&names) != 0) return {"kernel", Grade::lacking, "unknown", ""};
  return {"kernel", Grade::good,
          std::string(names.sysname) + " " + names.release + " " + names.machine, ""};
}

}  // namespace

const char* grade_name(Check::Grade grade) {
  switch (grade) {
    case Grade::good:
      return "good";
    case Grade::lacking:
      return "lacking";
    case Grade::broken:
      return "broken";
  }
  return "";
}

std::vector<Check> examine(Engine& engine, const Environment& environment,
                           const Settings& settings) {
  return {check_kernel(),
          check_home(settings),
          check_store(settings),
          check_space("disk space", settings.home),
          check_runtime(),
          check_engine(engine),
          check_limits(engine.describe()),
          check_overlay(),
          check_user_namespaces(),
          check_id_ranges(environment),
          check_mmdebstrap(),
          check_gpus(),
          check_cloud()};
}

}  // namespace baton
