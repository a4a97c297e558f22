#include "agent/leftovers.h"

#include <fmt/format.h>

#include <charconv>
#include <set>
#include <tuple>

#include "agent/agent.h"
#include "base/ids.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/user_namespace.h"
#include "model/event.h"
#include "os/clock.h"
#include "os/file_lock.h"
#include "os/files.h"
#include "store/rclone_mount.h"

namespace baton {
namespace {

std::string lock_path(const std::string& home, const std::string& job, int attempt) {
  return attempt_dir(home, job, attempt) + ".lock";
}

struct AttemptName {
  std::string job;
  int attempt = 0;
  bool operator<(const AttemptName& other) const {
    return std::tie(job, attempt) < std::tie(other.job, other.attempt);
  }
};

// Of "<job>-<attempt>" and "<job>-<attempt>.lock"; attempt 0 for any other name.
AttemptName parse_name(std::string_view name) {
  constexpr std::string_view kLock = ".lock";
  if (ends_with(name, kLock)) name.remove_suffix(kLock.size());
  size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || !is_job_id(name.substr(0, dash))) return {};
  AttemptName found{std::string(name.substr(0, dash)), 0};
  const char* end = name.data() + name.size();
  auto [stop, error] = std::from_chars(name.data() + dash + 1, end, found.attempt);
  if (error != std::errc{} || stop != end || found.attempt < 1 || found.attempt > kMaxAttempt)
    return {};
  return found;
}

// Longer than clearing up waits for processes to go. An agent that lives on, fenced, keeps its
// lock.
constexpr int64_t kPatienceMs = 3'000;

Result<Fd> lock_leftover(const std::string& path, int64_t patience_ms) {
  SystemClock clock;
  int64_t deadline = clock.mono_ms() + patience_ms;
  while (true) {
    auto lock = try_lock_file(path, LockMode::exclusive, true);
    if (!lock.is(Code::exists) || clock.mono_ms() >= deadline) return lock;
    clock.sleep_ms(2);
  }
}

}  // namespace

Result<Fd> lock_attempt(const std::string& home, const std::string& job, int attempt) {
  BATON_TRY(make_dirs(home + "/run", 0700));
  return lock_file(lock_path(home, job, attempt), LockMode::exclusive, [] {});
}

Status clear_attempt(const std::string& home, const std::string& job, int attempt) {
  std::string dir = attempt_dir(home, job, attempt);
  if (exists(dir)) {
    BATON_TRY(clean_up_container(fmt::format("{}-{}", job, attempt), dir + "/engine"));
    BATON_TRY(unmount_below(dir));  // data that was mounted
    BATON_TRY(remove_tree_as_root(dir));
  }
  return remove_tree(lock_path(home, job, attempt));
}

Result<std::string> keep_directories(const std::string& home, const std::string& job, int attempt,
                                     const std::vector<std::string>& parts) {
  const std::string kept = join_path(home, fmt::format("kept/{}-{}", job, attempt));
  bool any = false;
  for (const std::string& part : parts) {
    auto names = list_dir(part);
    if (names.is(Code::not_found) || (names.ok() && names->empty())) continue;
    BATON_TRY(make_dirs(kept, 0700));
    const std::string place = join_path(kept, part.substr(part.rfind('/') + 1));
    if (rename(part.c_str(), place.c_str()) != 0) return errno_error(errno, "move " + part);
    any = true;
  }
  return any ? kept : "";
}

int sweep_machine(const std::string& home, Log& log, const std::string& own) {
  auto names = list_dir(home + "/run");
  if (!names) return 0;
  std::set<AttemptName> attempts;
  for (const auto& name : *names)
    if (AttemptName parsed = parse_name(name); parsed.attempt > 0) attempts.insert(parsed);
  int cleared = 0;
  for (const auto& [job, attempt] : attempts) {
    auto lock = lock_leftover(lock_path(home, job, attempt), job == own ? kPatienceMs : 0);
    if (!lock) continue;  // its agent lives, or somebody else has just cleared it
    Status status = clear_attempt(home, job, attempt);
    if (!status.ok())
      log.warn(fmt::format("what attempt {} of job {} left on this machine stays for now: {}",
                           attempt, job, status.error().text()));
    else
      ++cleared;
  }
  return cleared;
}

}  // namespace baton
