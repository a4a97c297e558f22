#include <fmt/format.h>
#include <signal.h>

#include <cstring>

#include "agent/attempt.h"
#include "agent/deliver.h"
#include "agent/leftovers.h"
#include "agent/metrics_files.h"
#include "base/text.h"
#include "ledger/outward_links.h"
#include "os/files.h"

namespace baton {
namespace {

std::string describe(const Attempt& attempt, Outcome outcome) {
  const ExitStatus& exit = attempt.end.exit;
  switch (outcome) {
    case Outcome::succeeded:
      return "the program finished";
    case Outcome::preempted:
    case Outcome::stopped:
      return attempt.reason;
    case Outcome::timeout:
      return fmt::format("the program ran longer than its timeout of {}",
                         human_duration_ms(attempt.spec().timeout_ms.value_or(0)));
    case Outcome::oom:
      return fmt::format("the program was killed for using more memory than resources.memory ({})",
                         human_size(attempt.spec().memory));
    case Outcome::lost:
      return "the machine was lost";
    case Outcome::failed:
      break;
  }
  if (exit.signal)
    return fmt::format("the program was killed by signal {} ({})", exit.signal,
                       strsignal(exit.signal));
  if (exit.code == 127)
    return "the program ended with status 127: a command was not found in the image";
  return fmt::format("the program failed with status {}", exit.code);
}

std::string metrics_path(const Attempt& attempt) {
  return attempt.paths.metrics + "/metrics.jsonl";
}

std::string metrics_title(const Attempt& attempt) {
  return attempt.spec().name + " " + attempt.job().id;
}

// To a bucket; marked as complete where the job has come to its end.
void deliver_to_bucket(Attempt& attempt, Outcome outcome, bool final) {
  std::optional<Json> facts;
  if (final)
    facts = Json{{"job", attempt.job().id},
                 {"name", attempt.spec().name},
                 {"outcome", outcome_name(outcome)},
                 {"attempts", attempt.number},
                 {"commit", attempt.kept.empty() ? ""
                                                 : commit_name(attempt.kept.back().seq,
                                                               attempt.kept.back().attempt)}};
  MetricsFiles metrics;
  if (final) metrics = metrics_files(metrics_path(attempt), metrics_title(attempt));
  if (!metrics.left_out.empty()) attempt.parts.view.insist(metrics.left_out);
  Status delivered = attempt.courier->deliver_last(metrics.files, facts);
  attempt.parts.view.progress().finish("");
  if (delivered.ok()) {
    attempt.results_dir = attempt.courier->place();
    return;
  }
  attempt.parts.view.insist(delivered.error().within("results").text());
  attempt.results_left = true;
  attempt.parts.view.insist("they are safe in the store: baton results " + attempt.job().id +
                            (final ? "" : " --to DIR"));
}

void deliver_results(Attempt& attempt) {
  std::string left_out =
      add_metrics_files(metrics_path(attempt), metrics_title(attempt), attempt.paths.results);
  if (!left_out.empty()) attempt.parts.view.insist(left_out);
  auto delivered = deliver(attempt.paths.results, attempt.spec().results, attempt.job().id);
  if (!delivered.ok()) {
    attempt.parts.view.insist(delivered.error().text());
    attempt.results_left = true;
    attempt.parts.view.insist("the results are safe in the store: baton results " +
                              attempt.job().id + " --to DIR");
    return;
  }
  for (const auto& name : delivered->left_out) attempt.parts.view.insist(outside_text(name));
  attempt.results_dir = delivered->path;
}

void send_streams(Attempt& attempt) {
  attempt.errands.finish();
  if (!attempt.log) return;
  Status log = attempt.log->flush();
  Status metrics = attempt.metrics->pump(true);
  for (const Status* status : {&log, &metrics})
    if (!status->ok())
      attempt.parts.view.insist(
          status->error().within("the end of the logs or metrics was not stored").text());
}

// Where the last commit could not be made, what the program has written is nowhere else.
void keep_what_is_not_saved(Attempt& attempt) {
  const AttemptPaths& paths = attempt.paths;
  auto kept = keep_directories(attempt.parts.home, attempt.job().id, attempt.number,
                               {paths.checkpoint, paths.results, paths.metrics});
  if (!kept.ok()) {
    attempt.parts.view.insist(kept.error().within("what was not saved is not kept").text());
    return;
  }
  if (kept->empty()) return;
  attempt.parts.view.insist("what the program has written since is kept in " + *kept +
                            "; remove it when you need it no more");
}

// What cannot be removed now, the next agent on this machine removes.
void clear_up(Attempt& attempt) {
  attempt.mounts.clear();
  if (!attempt.alive.valid()) return;
  Status cleared = clear_attempt(attempt.parts.home, attempt.job().id, attempt.number);
  if (!cleared.ok()) attempt.parts.log.warn(cleared.error().text());
  attempt.alive.reset();
}

Event ended_event(const Attempt& attempt, Outcome outcome) {
  Event ended;
  ended.type = EventType::ended;
  ended.attempt = attempt.number;
  ended.outcome = outcome;
  ended.exit_code = attempt.end.exit.code;
  ended.exit_signal = attempt.end.exit.signal;
  ended.reason = attempt.reason;
  ended.peak_memory = attempt.peak_memory;
  ended.ran_ms = attempt.ran_ms;
  return ended;
}

bool would_be_final(const Attempt& attempt, Outcome outcome) {
  if (outcome == Outcome::stopped) return false;
  Summary summary = attempt.history.summary();
  Event ended = ended_event(attempt, outcome);
  ended.number = summary.events + 1;
  apply(summary, ended, attempt.spec().retries, attempt.spec().max_preemptions);
  return is_final(summary.state);
}

Result<DriveResult> end_attempt(Attempt& attempt, Outcome outcome) {
  auto recorded = append_own(attempt, ended_event(attempt, outcome));
  if (!recorded.ok()) return recorded.error();
  attempt.heart.reset();
  attempt.container.reset();
  if (is_final(attempt.history.summary().state)) {
    Status settled = attempt.parts.ledger.settle(attempt.history);
    if (!settled.ok())
      attempt.parts.log.debug(settled.error().text());  // `baton ps` settles it later
  }
  clear_up(attempt);
  // All is durable: a cloud that waits for our word may take the machine now.
  if (attempt.notice)
    for (auto& source : attempt.sources) source->acknowledge(*attempt.notice);
  attempt.sources.clear();
  DriveResult result;
  result.state = attempt.history.summary().state;
  result.outcome = outcome;
  result.exit = attempt.end.exit;
  result.reason = attempt.reason;
  result.results_dir = attempt.results_dir;
  result.results_left = attempt.results_left;
  result.machine_going = attempt.machine_going;
  return result;
}

// Where no attempt is sure to follow soon, nobody else would do it but gc. The attempt has ended in
// the ledger: nothing is lost should the machine go meanwhile.
void drop_what_was_left(Attempt& attempt) {
  if (!attempt.old_commits_left || attempt.in_doubt) return;
  Status dropped = drop_old_commits(attempt, attempt.kept, {});
  if (!dropped.ok()) attempt.parts.log.debug(dropped.error().text());  // `baton store gc` does it
}

}  // namespace

Result<DriveResult> finish_attempt(Attempt& attempt) {
  Outcome outcome = classify(attempt.end);
  attempt.reason = describe(attempt, outcome);
  Status committed = commit_finally(attempt);
  if (committed.is(Code::fenced)) return committed.error();
  if (!committed.ok()) {
    // What is not saved must not count as done: the job stays resumable from its last commit.
    attempt.parts.view.insist(
        committed.error().within("the final commit failed, the last one stays good").text());
    attempt.container.reset();
    keep_what_is_not_saved(attempt);
    attempt.reason = "the final commit failed: " + committed.error().message;
    if (outcome != Outcome::preempted) outcome = Outcome::stopped;
  }
  send_streams(attempt);
  const bool final = committed.ok() && would_be_final(attempt, outcome);
  // A machine that goes has no time for it: the next attempt delivers what this one committed.
  if (attempt.courier && committed.ok() && outcome != Outcome::preempted)
    deliver_to_bucket(attempt, outcome, final);
  else if (!attempt.courier && final)
    deliver_results(attempt);
  BATON_ASSIGN(DriveResult result, end_attempt(attempt, outcome));
  if (committed.ok() && outcome != Outcome::preempted) drop_what_was_left(attempt);
  return result;
}

Result<DriveResult> abandon_attempt(Attempt& attempt, const Error& error) {
  attempt.container.reset();
  if (error.code == Code::fenced) {
    attempt.heart.reset();
    clear_up(attempt);
    return error;
  }
  send_streams(attempt);
  attempt.reason = error.message;
  auto ended = end_attempt(attempt, attempt.machine_going ? Outcome::preempted : Outcome::stopped);
  if (!ended.ok() && !ended.is(Code::fenced)) attempt.parts.log.warn(ended.error().text());
  return error;
}

}  // namespace baton
