#include "engine/id_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

// The name of a uid from /etc/passwd: getpwuid(3) would load NSS modules, which a static binary
// cannot.
std::string user_name(uid_t uid) {
  auto text = read_file("/etc/passwd");
  if (!text.ok()) return "";
  for (const auto& line : split(*text, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(uid)) return fields[0];
  }
  return "";
}

IdRange subordinate(const std::string& file) {
  auto text = read_file(file);
  return text.ok() ? find_subordinate(*text, user_name(getuid()), getuid()) : IdRange{};
}

// The ranges that exist in this process's own user namespace, each standing for itself.
std::vector<IdRange> identity(const char* file) {
  std::vector<IdRange> ranges;
  auto text = read_file(file);
  if (!text.ok()) return ranges;
  for (const auto& line : split(*text, '\n')) {
    unsigned inside = 0, outside = 0, count = 0;
    if (std::sscanf(line.c_str(), " %u %u %u", &inside, &outside, &count) != 3) continue;
    // One id short of everything: crun takes the full map for "not in a user namespace".
    if (count == UINT32_MAX) --count;
    ranges.push_back({inside, inside, count});
  }
  return ranges;
}

// CAP_SETGID, CAP_SETUID and, for mapping root, CAP_SETFCAP (since Linux 5.12).
bool may_map_any_id() {
  constexpr uint64_t needed = 1ULL << 6 | 1ULL << 7 | 1ULL << 31;
  auto text = read_file("/proc/self/status");
  if (!text.ok()) return false;
  size_t at = text->find("CapEff:");
  if (at == std::string::npos) return false;
  return (std::strtoull(text->c_str() + at + 7, nullptr, 16) & needed) == needed;
}

std::vector<std::string> helper_argv(const std::string& helper, pid_t pid,
                                     const std::vector<IdRange>& ranges) {
  std::vector<std::string> argv{helper, std::to_string(pid)};
  for (const auto& range : ranges)
    for (uint32_t number : {range.inside, range.outside, range.count})
      argv.push_back(std::to_string(number));
  return argv;
}

Status write_ranges(pid_t pid, const char* file, const std::vector<IdRange>& ranges,
                    const std::string& helper) {
  if (!helper.empty()) {
    SpawnOptions options;
    options.argv = helper_argv(helper, pid, ranges);
    BATON_ASSIGN(Output output, run_command(options, 10'000));
    if (output.status.success()) return {};
    return Error{Code::denied, fmt::format("{} failed: {}", helper, printable(trim(output.err))),
                 "check this user's lines in /etc/subuid and /etc/subgid"};
  }
  std::string text;
  for (const auto& range : ranges)
    text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  std::string path = fmt::format("/proc/{}/{}", pid, file);
  BATON_ASSIGN(Fd fd, open_file(path, O_WRONLY));
  return write_all(fd.get(), text, path);
}

}  // namespace

IdRange find_subordinate(const std::string& text, const std::string& name, uid_t uid) {
  for (const auto& line : split(text, '\n')) {
    auto fields = split(trim(line), ':');
    if (fields.size() != 3 || fields[0].empty()) continue;
    if (fields[0] != name && fields[0] != std::to_string(uid)) continue;
    unsigned long start = std::strtoul(fields[1].c_str(), nullptr, 10);
    unsigned long count = std::strtoul(fields[2].c_str(), nullptr, 10);
    if (start == 0 || count == 0 || start > UINT32_MAX || count > UINT32_MAX - start) continue;
    return {1, static_cast<uint32_t>(start), static_cast<uint32_t>(count)};
  }
  return {};
}

IdMap choose_id_map() {
  IdMap map;
  if (geteuid() == 0 && may_map_any_id()) {
    map.users = identity("/proc/self/uid_map");
    map.groups = identity("/proc/self/gid_map");
    if (!map.users.empty() && !map.groups.empty()) return map;
  }
  map.users = {{0, geteuid(), 1}};
  map.groups = {{0, getegid(), 1}};
  IdRange users = subordinate("/etc/subuid");
  IdRange groups = subordinate("/etc/subgid");
  auto newuidmap = find_program("newuidmap");
  auto newgidmap = find_program("newgidmap");
  if (newuidmap && newgidmap && users.count && groups.count) {
    map.users.push_back(users);
    map.groups.push_back(groups);
    map.newuidmap = *newuidmap;
    map.newgidmap = *newgidmap;
  } else {
    map.deny_setgroups = true;
  }
  return map;
}

Status write_id_map(pid_t pid, const IdMap& map) {
  if (map.deny_setgroups) {
    std::string path = fmt::format("/proc/{}/setgroups", pid);
    BATON_ASSIGN(Fd fd, open_file(path, O_WRONLY));
    BATON_TRY(write_all(fd.get(), "deny", path));
  }
  BATON_TRY(write_ranges(pid, "uid_map", map.users, map.newuidmap));
  return write_ranges(pid, "gid_map", map.groups, map.newgidmap);
}

}  // namespace baton
