#include <fmt/format.h>

#include "agent/attempt.h"
#include "os/files.h"

namespace baton {
namespace {

// Waits until the present owner is known to be gone; Code::fenced when it lives.
Status await_owner(Attempt& attempt, bool wait) {
  AgentParts& parts = attempt.parts;
  const Summary& summary = attempt.history.summary();
  const Event& owner = summary.attempts.back().claimed;
  if (owner_is_gone(owner)) return {};
  Error taken{Code::fenced,
              fmt::format("job {} is running on {} (attempt {}, pid {})", attempt.job().id,
                          owner.host, owner.attempt, owner.pid),
              "stop or preempt it first, or run `baton resume` to wait and take over should that "
              "machine be gone"};
  if (!wait) return taken;
  parts.view.insist(fmt::format(
      "attempt {} on {} may still be alive; watching its heartbeat for {} s before taking over",
      owner.attempt, owner.host, parts.times.beat_ttl / 1000));
  BeatWatch watch(parts.clock, parts.times.beat_ttl);
  std::optional<std::string> first;
  while (true) {
    auto beat = parts.ledger.read_beat(attempt.job().id, owner.attempt);
    if (!beat.ok() && beat.error().code != Code::not_found) return beat.error();
    std::string seen = beat.ok() ? *beat : "";
    if (!first) first = seen;
    if (seen != *first) return taken;  // it moved: somebody lives there
    if (watch.stale(seen)) return {};
    parts.clock.sleep_ms(std::min<int64_t>(200, parts.times.beat_ttl / 4 + 1));
    uint64_t before = summary.events;
    BATON_TRY(attempt.history.refresh());
    if (summary.events != before) return {};  // it wrote: the caller looks at the state anew
  }
}

// Where in the metrics stream the last commit stands.
Result<uint64_t> committed_metrics(Attempt& attempt) {
  const auto& commits = attempt.history.summary().commits;
  if (commits.empty()) return uint64_t{0};
  BATON_ASSIGN(Manifest manifest,
               read_manifest(attempt.parts.ledger.store(), attempt.job().id, commits.back()));
  return manifest.metrics_bytes;
}

}  // namespace

Status claim_attempt(Attempt& attempt, bool wait_for_owner) {
  History& history = attempt.history;
  for (int tries = 0; tries < 100; ++tries) {
    if (tries > 0) BATON_TRY(history.refresh());
    const Summary& summary = history.summary();
    if (is_final(summary.state))
      return Error{
          Code::fenced,
          fmt::format("job {} has already {}", attempt.job().id, state_name(summary.state)), ""};
    bool take_over = summary.state == State::running;
    if (take_over) {
      uint64_t before = summary.events;
      BATON_TRY(await_owner(attempt, wait_for_owner));
      if (summary.events != before) continue;
    }
    auto metrics_from = committed_metrics(attempt);
    // A damaged last commit is restore's to report, once the job is ours.
    uint64_t from = metrics_from.ok() ? *metrics_from : 0;
    size_t commits = summary.commits.size();
    auto claimed = claim(history, attempt.identity, attempt.parts.clock.wall_ms(), from, take_over);
    if (!claimed.ok()) return claimed.error();
    attempt.number = claimed->attempt;
    attempt.metrics_from = from;
    attempt.paths = attempt_paths(attempt.parts.home, attempt.job().id, attempt.number);
    // The owner we took over from committed once more before our claim: claim again, behind that
    // commit.
    if (history.summary().commits.size() != commits) continue;
    attempt.heart = std::make_unique<Heart>(attempt.parts.ledger, attempt.job().id, attempt.number,
                                            attempt.identity.agent, attempt.parts.times.beat);
    if (!attempt.heart->beats())
      attempt.parts.view.insist(
          "other machines may take this attempt for dead: no thread can be started for its "
          "heartbeat\n  end some of this user's processes, or raise the limit (ulimit -u)");
    return {};
  }
  return Error{Code::transient, "the job's owner changes all the time; try again later", ""};
}

Result<Event> append_own(Attempt& attempt, Event event) {
  event.attempt = attempt.number;
  auto ours = [&](const Summary& summary) -> Status {
    if (summary.state == State::running && summary.attempt == attempt.number) return {};
    return Error{Code::fenced,
                 fmt::format("job {} was taken over by another agent", attempt.job().id),
                 "nothing is lost: the other agent goes on from the last commit"};
  };
  return attempt.history.append(std::move(event), attempt.parts.clock.wall_ms(), ours);
}

AttemptPaths attempt_paths(const std::string& home, const std::string& job, int attempt) {
  AttemptPaths p;
  p.dir = attempt_dir(home, job, attempt);
  p.checkpoint = p.dir + "/checkpoint";
  p.results = p.dir + "/results";
  p.metrics = p.dir + "/metrics";
  p.baton = p.dir + "/baton";
  p.engine = p.dir + "/engine";
  p.notice = p.dir + "/notice";
  p.preempt = p.baton + "/preempt";
  p.socket = p.baton + "/agent.sock";
  return p;
}

std::string attempt_dir(const std::string& home, const std::string& job, int attempt) {
  return fmt::format("{}/run/{}-{}", home, job, attempt);
}

std::string notice_file(const std::string& home, const std::string& job, int attempt) {
  return attempt_dir(home, job, attempt) + "/notice";
}

}  // namespace baton
