// Attempt: what the steps of one attempt share, and the steps.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/courier.h"
#include "agent/errands.h"
#include "agent/heart.h"
#include "agent/policy.h"
#include "agent/program_socket.h"
#include "agent/stream.h"
#include "agent/watch_dirs.h"
#include "ledger/commits.h"

namespace baton {

// Directories of an attempt on this machine.
struct AttemptPaths {
  std::string dir;         // HOME/run/<job>-<attempt>
  std::string checkpoint;  // → /checkpoint
  std::string results;     // → /results
  std::string metrics;     // → /baton/metrics
  std::string baton;       // → /baton, read-only: preempt file, params, socket, Python helper
  std::string engine;      // the engine's own
  std::string notice;      // the notice file
  std::string preempt;     // the preemption file that the program sees
  std::string socket;
};
AttemptPaths attempt_paths(const std::string& home, const std::string& job, int attempt);

// How the directories stood at the last commit (or restore).
struct CommittedLook {
  TreeLook checkpoint, results, metrics;
};

// What the notice sources' threads have heard.
struct NoticeInbox {
  std::mutex mutex;
  std::deque<Notice> notices;  // guarded by mutex
  Fd event;                    // readable when there is something
};

// A commit whose manifest stands in the store, while nobody knows whether its event does.
struct CommitInDoubt {
  Captured captured;
  CommittedLook look;
};

struct Attempt {
  AgentParts& parts;
  History history;
  AgentIdentity identity;
  int number = 0;
  bool first_here = true;  // no attempt went before it in this process
  AttemptPaths paths;
  Fd alive;  // the lock that says so to others on this machine
  uint64_t metrics_from = 0;
  std::unique_ptr<Heart> heart;
  std::unique_ptr<Committer> committer;
  std::vector<Manifest> kept;  // newest last
  uint64_t next_seq = 1;
  CommittedLook committed;
  // Until it is settled nothing may be captured or deleted: which commits are kept depends on it.
  std::optional<CommitInDoubt> in_doubt;
  bool old_commits_left = false;  // there was no time to drop them
  CommitClock commit_clock;
  Image image;
  std::optional<ImageUse> image_use;
  std::string code_dir;          // snapshot on this machine; without code an empty directory
  std::string helper_dir;        // the Python helper, "" without
  std::vector<StagedData> data;  // as the spec's, in its order
  std::vector<std::unique_ptr<BucketMount>> mounts;  // of data that is not fetched
  std::unique_ptr<Courier> courier;                  // where results go to a bucket
  std::optional<ProgramSocket> socket;               // listens before the program starts
  std::unique_ptr<Container> container;
  // Watching from the start of the program on; they outlive the watch, as a notice is acknowledged
  // after the final commit.
  std::vector<std::unique_ptr<NoticeSource>> sources;
  std::shared_ptr<NoticeInbox> inbox;
  std::optional<Notice> notice;  // the one that preempts this attempt
  Fd out, err;                   // the program's streams
  int64_t started_ms = 0;        // monotonic
  int64_t ran_ms = 0;            // of the program, once it has ended
  std::unique_ptr<StoreStream> log;
  std::unique_ptr<MetricsTail> metrics;
  bool program_commits = false;
  EndFacts end;
  bool was_quiet = false;  // see CommitFacts, when the program was killed
  bool machine_going = false;
  std::string reason;  // of the ending, for people
  std::string results_dir;
  bool results_left = false;  // they could not be delivered
  uint64_t peak_memory = 0;
  // Taking commits. Here rather than with the watch, whose they are: the program may use up all the
  // threads that there are.
  std::unique_ptr<Errands> captures = std::make_unique<Errands>();
  // At the store. While the program runs, history, log and metrics are theirs; after finish() they
  // are anybody's again. The last member: they are over before anything else goes.
  Errands errands;

  Attempt(AgentParts& agent_parts, History job_history)
      : parts(agent_parts), history(std::move(job_history)), identity(AgentIdentity::self()) {}
  const Job& job() const { return history.job(); }
  const Spec& spec() const { return history.job().spec; }
  std::vector<CaptureRoot> roots() const {
    return {
        {"checkpoint", paths.checkpoint}, {"results", paths.results}, {"metrics", paths.metrics}};
  }
};

// The steps, in order. Each returns an error that ends the attempt (finish says how); Code::fenced
// means that somebody else owns the job now: nothing more may be written.

// claim.cc: becomes the owner of the next attempt.
Status claim_attempt(Attempt& attempt, bool wait_for_owner);
// restore.cc: brings checkpoint, results and metrics back from the last commit.
Status restore_attempt(Attempt& attempt);
// stage_data.cc: brings data from URLs here, and holds it; paths are only looked at.
Status stage_data(Attempt& attempt);
// stage.cc: image, code, data, parameters, helper.
Status stage_attempt(Attempt& attempt);
// run.cc: starts the program.
Status start_program(Attempt& attempt);
// watch.cc: until the program has ended and its output is drained.
Status watch_program(Attempt& attempt);
// commit.cc: appends `committed` for a capture, and gives the milliseconds that took.
Result<int64_t> record_commit(Attempt& attempt, const Captured& captured);
// commit.cc: what was recorded is the newest commit from now on.
Status adopt_commit(Attempt& attempt, const Captured& captured, int64_t recording_ms);
// commit.cc: brings the history up to date; then whether a commit's event stands there is certain.
Result<bool> look_for_commit(Attempt& attempt, const Manifest& manifest);
// commit.cc: the commit in doubt is adopted where its event `stands`, else forgotten.
Status settle_commit(Attempt& attempt, bool stands);
// commit.cc: deletes what none of the kept commits names any more, until `cancelled` says true.
// Never beside a capture of this attempt.
Status drop_old_commits(Attempt& attempt, const std::vector<Manifest>& kept,
                        const std::function<bool()>& cancelled);
// commit.cc: bytes in the metrics file now.
uint64_t metrics_size(const AttemptPaths& paths);
// commit.cc: the commit after the program's end, where it is wanted.
Status commit_finally(Attempt& attempt);
// finish.cc: delivers results, ends the attempt in the ledger, cleans up.
Result<DriveResult> finish_attempt(Attempt& attempt);
// finish.cc: ends an attempt whose program never ran, or that could not be saved.
Result<DriveResult> abandon_attempt(Attempt& attempt, const Error& error);

// Appends an event of this attempt; Code::fenced when the job is no longer ours.
Result<Event> append_own(Attempt& attempt, Event event);

}  // namespace baton
