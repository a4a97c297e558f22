#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/attempt.h"
#include "agent/commit_speed.h"
#include "base/text.h"

namespace baton {
namespace {

// What a commit leaves as the newest state: kept in memory as the source of reuse.
Status keep(Attempt& attempt, const Manifest& manifest) {
  attempt.kept.push_back(manifest);
  attempt.next_seq = manifest.seq + 1;
  size_t limit = static_cast<size_t>(attempt.spec().checkpoint_keep);
  if (attempt.kept.size() > limit)
    attempt.kept.erase(attempt.kept.begin(), attempt.kept.end() - static_cast<long>(limit));
  return attempt.committer->set_kept(attempt.kept);
}

CommitFacts facts_at_end(const Attempt& attempt) {
  TreeLook checkpoint = look_at_tree(attempt.paths.checkpoint);
  CommitFacts facts;
  facts.program_commits = attempt.program_commits;
  facts.checkpoint_used = checkpoint.entries > 0;
  facts.checkpoint_changed = checkpoint.signature != attempt.committed.checkpoint.signature;
  facts.anything_changed =
      facts.checkpoint_changed ||
      look_at_tree(attempt.paths.results).signature != attempt.committed.results.signature ||
      look_at_tree(attempt.paths.metrics).signature != attempt.committed.metrics.signature;
  facts.was_quiet = attempt.was_quiet;
  return facts;
}

// Once the errands have nothing to do with the history any more.
Status settle_now(Attempt& attempt) {
  if (!attempt.in_doubt) return {};
  attempt.errands.finish();
  BATON_ASSIGN(bool stands, look_for_commit(attempt, attempt.in_doubt->captured.manifest));
  return settle_commit(attempt, stands);
}

}  // namespace

uint64_t metrics_size(const AttemptPaths& paths) {
  struct stat info {};
  bool regular =
      lstat((paths.metrics + "/metrics.jsonl").c_str(), &info) == 0 && S_ISREG(info.st_mode);
  return regular ? static_cast<uint64_t>(info.st_size) : 0;
}

Result<int64_t> record_commit(Attempt& attempt, const Captured& captured) {
  const int64_t begin = attempt.parts.clock.mono_ms();
  // Readers cut the metrics stream at the commit's position: it must reach that far first.
  BATON_TRY(attempt.metrics->pump(true));
  Event event;
  event.type = EventType::committed;
  event.commit = commit_name(captured.manifest.seq, attempt.number);
  event.commit_hash = captured.hash;
  event.commit_bytes = captured.bytes;
  event.commit_new_bytes = captured.new_bytes;
  event.commit_ms = captured.took_ms;
  auto recorded = append_own(attempt, event);
  if (!recorded.ok()) return recorded.error();
  return attempt.parts.clock.mono_ms() - begin;
}

Status adopt_commit(Attempt& attempt, const Captured& captured, int64_t recording_ms) {
  // At the end of an attempt as much comes again: the rest of the output, and `ended`.
  attempt.commit_clock.record(captured.bytes, captured.new_bytes,
                              captured.took_ms + 2 * recording_ms);
  ObjectStore& store = attempt.parts.ledger.store();
  if (store.concurrency() > 0)
    remember_commit_speed(attempt.parts.home, store.name(), attempt.commit_clock);
  BATON_TRY(keep(attempt, captured.manifest));
  if (attempt.courier) attempt.courier->post(captured.manifest);
  attempt.parts.view.tell(fmt::format("commit {}: {} ({} new) in {}", captured.manifest.seq,
                                      human_size(captured.bytes), human_size(captured.new_bytes),
                                      human_duration_ms(captured.took_ms)));
  return {};
}

Result<bool> look_for_commit(Attempt& attempt, const Manifest& manifest) {
  BATON_TRY(attempt.history.refresh());
  const std::string name = commit_name(manifest.seq, manifest.attempt);
  const auto& commits = attempt.history.summary().commits;
  return std::any_of(commits.rbegin(), commits.rend(),
                     [&](const Event& event) { return event.commit == name; });
}

Status settle_commit(Attempt& attempt, bool stands) {
  CommitInDoubt settled = std::move(*attempt.in_doubt);
  attempt.in_doubt.reset();
  if (!stands) return {};
  BATON_TRY(adopt_commit(attempt, settled.captured, 0));
  attempt.committed = settled.look;
  return {};
}

Status drop_old_commits(Attempt& attempt, const std::vector<Manifest>& kept,
                        const std::function<bool()>& cancelled) {
  bool full = kept.size() >= static_cast<size_t>(attempt.spec().checkpoint_keep);
  malloc_trim(0);  // the capture's buffers: the agent stays small beside the program
  if (!full) return {};
  // Through the committer, which then knows the names whose removal is in doubt.
  auto collected = attempt.committer->collect(kept, cancelled);
  return collected.ok() ? Status() : Status(collected.error());
}

Status commit_finally(Attempt& attempt) {
  Status settled = settle_now(attempt);
  if (!wants_final_commit(attempt.end, facts_at_end(attempt))) return {};
  BATON_TRY(settled);
  AgentParts& parts = attempt.parts;
  uint64_t metrics_bytes = metrics_size(attempt.paths);
  CaptureOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    parts.view.progress().update("committing", done, total, "bytes");
  };
  auto captured = attempt.committer->capture(attempt.roots(), attempt.next_seq, metrics_bytes,
                                             parts.clock.wall_ms(), options);
  if (!captured.ok()) return captured.error();
  attempt.errands.finish();
  BATON_ASSIGN(int64_t took_ms, record_commit(attempt, *captured));
  return adopt_commit(attempt, *captured, took_ms);
}

}  // namespace baton
