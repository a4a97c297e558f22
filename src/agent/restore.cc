#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/attempt.h"
#include "agent/commit_speed.h"
#include "agent/leftovers.h"
#include "base/text.h"
#include "ledger/start.h"
#include "os/files.h"

namespace baton {
namespace {

Status make_attempt_dirs(const AttemptPaths& paths) {
  BATON_TRY(make_dirs(paths.dir, 0700));
  for (const std::string& dir : {paths.checkpoint, paths.results, paths.metrics}) {
    BATON_TRY(make_dirs(dir));
    // The container's user may be another one than ours; the parent directory keeps strangers out.
    if (chmod(dir.c_str(), 0777) != 0) return errno_error(errno, "set the mode of " + dir);
  }
  for (const std::string& dir : {paths.baton, paths.engine}) {
    BATON_TRY(make_dirs(dir));
    if (chmod(dir.c_str(), 0755) != 0) return errno_error(errno, "set the mode of " + dir);
  }
  return {};
}

// A trial that takes up another one's checkpoint: its results and metrics begin anew. The copy is
// restored by a committer of its own, as its blobs are none that this job's commits could reuse.
Status restore_start(Attempt& attempt) {
  ObjectStore& store = attempt.parts.ledger.store();
  BATON_ASSIGN(auto manifest, read_start(store, attempt.job().id));
  if (!manifest) return {};
  auto committer = make_committer(store, manifest->job, 0);
  return committer->restore(*manifest, {{"checkpoint", attempt.paths.checkpoint}}, {});
}

// What is known of commits of this job, and to this bucket from this machine.
void prime_commit_clock(Attempt& attempt) {
  ObjectStore& store = attempt.parts.ledger.store();
  if (store.concurrency() > 0) {
    attempt.commit_clock = CommitClock(kBucketBytesPerMs);
    recall_commit_speed(attempt.parts.home, store.name(), attempt.commit_clock);
  }
  const auto& commits = attempt.history.summary().commits;
  size_t count = std::min<size_t>(commits.size(), 3);
  for (size_t i = commits.size() - count; i < commits.size(); ++i)
    attempt.commit_clock.record(commits[i].commit_bytes, commits[i].commit_new_bytes,
                                commits[i].commit_ms);
}

}  // namespace

Status restore_attempt(Attempt& attempt) {
  prime_commit_clock(attempt);
  AgentParts& parts = attempt.parts;
  ObjectStore& store = parts.ledger.store();
  sweep_machine(parts.home, parts.log, attempt.job().id);
  BATON_ASSIGN(attempt.alive, lock_attempt(parts.home, attempt.job().id, attempt.number));
  BATON_TRY(make_attempt_dirs(attempt.paths));
  attempt.committer = make_committer(store, attempt.job().id, attempt.number);
  const Summary& summary = attempt.history.summary();
  if (summary.commits.empty() && attempt.job().starts) BATON_TRY(restore_start(attempt));
  if (!summary.commits.empty()) {
    for (const Event& event : kept_commits(summary, attempt.spec().checkpoint_keep)) {
      BATON_ASSIGN(Manifest manifest, read_manifest(store, attempt.job().id, event));
      attempt.kept.push_back(std::move(manifest));
    }
    const Event& last = summary.commits.back();
    BATON_TRY(attempt.committer->set_kept(attempt.kept));
    int64_t begin = parts.clock.mono_ms();
    CaptureOptions options;
    options.progress = [&](uint64_t done, uint64_t total) {
      parts.view.progress().update("restoring", done, total, "bytes");
    };
    BATON_TRY(attempt.committer->restore(attempt.kept.back(), attempt.roots(), options));
    attempt.next_seq = attempt.kept.back().seq + 1;
    parts.view.tell(fmt::format("restored commit {} ({}) in {}", last.commit,
                                human_size(last.commit_bytes),
                                human_duration_ms(parts.clock.mono_ms() - begin)));
  }
  attempt.committed = {look_at_tree(attempt.paths.checkpoint), look_at_tree(attempt.paths.results),
                       look_at_tree(attempt.paths.metrics)};
  return {};
}

}  // namespace baton
