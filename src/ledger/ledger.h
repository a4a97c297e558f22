// The job's records in the store: events, claims, heartbeats, listings. docs/store-format.md is the
// contract.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/job.h"
#include "os/clock.h"
#include "store/store.h"

namespace baton {

// One line of `baton ps`, from a listing alone.
struct JobLine {
  std::string id, name;
  State state = State::pending;
  int attempts = 0;
  int64_t ran_ms = 0;
  bool active = false;  // has an active/ marker: state must be read from its events
};

// Checks or writes baton.json: Code::too_new for a store of a later format. Call once after opening
// a store. With create=false an empty store is Code::not_found.
Status check_store_format(ObjectStore& store, bool create);

// A job's history, read incrementally. Not thread-safe.
class History {
 public:
  History(ObjectStore& store, Job job) : store_(&store), job_(std::move(job)) {}
  const Job& job() const { return job_; }
  const Summary& summary() const { return summary_; }
  const std::vector<Event>& events() const { return events_; }
  // Reads the events that came since the last call. Code::corrupt names a damaged one.
  Status refresh();
  // Appends `event` (number, nonce and at_ms are filled in) as the next one. `accept` is called,
  // with the refreshed summary, whenever somebody else's event came first: it returns ok to try
  // again behind it, or the error to give up with (Code::fenced when the job is no longer ours).
  // Lost replies are resolved by nonce.
  Result<Event> append(Event event, int64_t wall_ms,
                       const std::function<Status(const Summary&)>& accept);

 private:
  ObjectStore* store_;
  Job job_;
  Summary summary_;
  std::vector<Event> events_;
};

class Ledger {
 public:
  Ledger(ObjectStore& store, Clock& clock) : store_(store), clock_(clock) {}
  ObjectStore& store() { return store_; }
  Clock& clock() { return clock_; }

  // Writes job.json. The job exists once add_created() has succeeded as well; before that, gc may
  // sweep it.
  Status add_job(const Job& job);
  // Writes the active/ marker and then the `created` event.
  Status add_created(const Job& job, const std::string& code_object);
  Result<History> open(const std::string& job_id);

  // id, unique prefix of an id or of its last part, name (the newest of that name) or "latest" →
  // id. Code::not_found with did-you-mean; Code::invalid when ambiguous, listing the candidates.
  Result<std::string> resolve(const std::string& word);

  // All jobs, newest first, at most `limit`, from active/ and index/ listings only.
  Result<std::vector<JobLine>> list(size_t limit);
  // After a final event: writes the index/ entry and then removes the active/ marker. Idempotent;
  // ps repairs what a crash between left.
  Status settle(const History& history);
  // Before `resumed`: puts the active/ marker back.
  Status activate(const std::string& job_id);
  // Everything of a job, active/ marker last. Refused while it runs.
  Status remove_job(const std::string& job_id);

  // Overwrites the heartbeat of an attempt.
  Status beat(const std::string& job_id, int attempt, const Json& content);
  Result<std::string> read_beat(const std::string& job_id, int attempt);

  // Appends one chunk to a stream of an attempt ("logs" or "metrics"); `offset` is the stream's
  // byte offset at which it starts. A lost reply is resolved by comparing the bytes.
  Status append_stream(const std::string& job_id, const std::string& stream, int attempt,
                       uint64_t offset, std::string_view bytes);
  // Reads on from `offset` of one attempt's stream: all whole chunks that are there, at most about
  // `limit` bytes.
  Result<std::string> read_stream(const std::string& job_id, const std::string& stream, int attempt,
                                  uint64_t offset, uint64_t limit);

 private:
  ObjectStore& store_;
  Clock& clock_;
};

// Judges whether an attempt's owner is alive, by how long its heartbeat has been seen unchanged on
// the observer's own clock.
class BeatWatch {
 public:
  explicit BeatWatch(Clock& clock, int64_t ttl_ms) : clock_(clock), ttl_ms_(ttl_ms) {}
  // Feed what read_beat gave ("" when absent). True once it has stood unchanged for ttl.
  bool stale(const std::string& beat);

 private:
  Clock& clock_;
  int64_t ttl_ms_;
  std::optional<std::string> last_;
  int64_t since_ = 0;
};

// This process, as a `claimed` event describes it.
struct AgentIdentity {
  std::string agent, host, boot;
  int64_t pid = 0;
  uint64_t pid_start = 0;
  static AgentIdentity self();
};
// True when `claimed` names a process of this very boot of this machine that no longer exists: its
// attempt may be taken over at once.
bool owner_is_gone(const Event& claimed);

// Claims the next attempt. Code::fenced when the job is final or another owner lives; the caller
// passes `take_over` true when it has found the present owner gone or stale.
Result<Event> claim(History& history, const AgentIdentity& self, int64_t wall_ms,
                    uint64_t metrics_from, bool take_over);

}  // namespace baton
