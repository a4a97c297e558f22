// Who owns a job, and whether it still lives: docs/store-format.md, section 3.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/ids.h"
#include "ledger/ledger.h"
#include "os/process.h"

namespace baton {
namespace {

// Pids mean something only within one boot of one machine and one pid namespace.
std::string this_boot() {
  struct stat info {};
  std::string boot = boot_id();
  if (boot.empty() || stat("/proc/self/ns/pid", &info) != 0) return "";
  return fmt::format("{}/{}", boot, info.st_ino);
}

std::string_view boot_of(std::string_view boot_and_namespace) {
  return boot_and_namespace.substr(0, boot_and_namespace.find('/'));
}

Error fenced(const History& history, const std::string& why) {
  return {Code::fenced, fmt::format("job {} {}", history.job().id, why), ""};
}

std::string owner_of(const Summary& summary) {
  return fmt::format("is running: attempt {} on {} has it", summary.attempt,
                     summary.attempts.back().claimed.host);
}

// An earlier try whose reply was lost and which has been found in the history since.
const Event* own_claim(const Summary& summary, const AgentIdentity& self) {
  if (summary.state != State::running) return nullptr;
  const AttemptSummary& attempt = summary.attempts.back();
  bool fresh = !attempt.started && attempt.commits == 0;
  return fresh && attempt.claimed.agent == self.agent ? &attempt.claimed : nullptr;
}

// Whether the claim still makes sense after others' events: nothing may have come from an owner.
Status still_claimable(const History& history, const Summary& before, const Summary& now) {
  if (is_final(now.state)) return fenced(history, fmt::format("is {}", state_name(now.state)));
  if (now.attempt != before.attempt) return fenced(history, owner_of(now));
  if (now.commits.size() != before.commits.size() || now.state != before.state)
    return fenced(history, "went on while it was being taken over");
  return {};
}

// True when one more preemption, which a takeover is, would be one too many.
bool preemptions_spent(const History& history) {
  const auto& most = history.job().spec.max_preemptions;
  return most && history.summary().recent_preemptions >= *most;
}

Error give_up(History& history, int64_t wall_ms) {
  Event lost;
  lost.type = EventType::ended;
  lost.attempt = history.summary().attempt;
  lost.outcome = Outcome::lost;
  lost.reason = "its agent is gone, and the job has been preempted as often as its limit allows";
  const Summary before = history.summary();
  auto ended = history.append(
      lost, wall_ms, [&](const Summary& now) { return still_claimable(history, before, now); });
  return ended.ok() ? fenced(history, "has been preempted as often as its limit allows")
                    : ended.error();
}

}  // namespace

bool BeatWatch::stale(const std::string& beat) {
  const int64_t now = clock_.mono_ms();
  if (last_ && *last_ == beat) {
    unchanged_ms_ += std::min(now - looked_at_, (ttl_ms_ + 2) / 3);
  } else {
    last_ = beat;
    unchanged_ms_ = 0;
  }
  looked_at_ = now;
  return unchanged_ms_ >= ttl_ms_;
}

AgentIdentity AgentIdentity::self() {
  AgentIdentity self;
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) == 0) self.host = host;
  self.agent = new_nonce();
  self.boot = this_boot();
  self.machine = machine_id();
  self.pid = getpid();
  self.pid_start = process_start_time(getpid()).value_or(0);
  return self;
}

bool owner_is_gone(const Event& claimed, const AgentIdentity& here) {
  if (claimed.boot.empty() || here.boot.empty()) return false;
  if (claimed.boot == here.boot)
    return claimed.pid > 0 && claimed.pid_start != 0 &&
           process_is_gone(static_cast<pid_t>(claimed.pid), claimed.pid_start);
  // Machines made from one image may share an id, hardly a host name too.
  return !claimed.machine.empty() && claimed.machine == here.machine && claimed.host == here.host &&
         boot_of(claimed.boot) != boot_of(here.boot);
}

Result<Event> claim(History& history, const AgentIdentity& self, int64_t wall_ms,
                    uint64_t metrics_from, bool take_over) {
  const Summary before = history.summary();
  if (is_final(before.state))
    return fenced(history, fmt::format("is {}", state_name(before.state)));
  if (const Event* own = own_claim(before, self)) return *own;
  if (before.state == State::running && !take_over) return fenced(history, owner_of(before));
  if (before.state == State::running && preemptions_spent(history))
    return give_up(history, wall_ms);
  Event claimed;
  claimed.type = EventType::claimed;
  claimed.attempt = before.attempt + 1;
  claimed.agent = self.agent;
  claimed.host = self.host;
  claimed.boot = self.boot;
  claimed.machine = self.machine;
  claimed.pid = self.pid;
  claimed.pid_start = self.pid_start;
  claimed.metrics_from = metrics_from;
  return history.append(claimed, wall_ms,
                        [&](const Summary& now) { return still_claimable(history, before, now); });
}

}  // namespace baton
