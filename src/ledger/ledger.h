// The job's records in the store: events, claims, heartbeats, listings. docs/store-format.md is the
// contract.
#pragma once

#include <cstdint>
#include <functional>
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
  bool active = false;  // had an active/ marker, so that its state was read from its events
  std::string problem;  // why an active job cannot be read, else ""
};

// Checks or writes baton.json: Code::too_new for a store of a later format. Call once after opening
// a store. With create=false an empty store is Code::not_found, and one that lost baton.json
// Code::corrupt.
Status check_store_format(ObjectStore& store, bool create);

// A job's history, read incrementally. Not thread-safe.
class History {
 public:
  History(ObjectStore& store, Job job) : store_(&store), job_(std::move(job)) {}
  const Job& job() const { return job_; }
  const Summary& summary() const { return summary_; }
  const std::vector<Event>& events() const { return events_; }
  // Reads the events that came since the last call, and brings an append of unknown outcome to an
  // end. Code::corrupt names a damaged event.
  Status refresh();
  // The same up to the event after which the job is final: whoever acts on that needs no more. Only
  // where nothing was final before.
  Status refresh_until_final();
  // Appends `event` (number, at_ms and, when empty, nonce are filled in) as the next one. `accept`
  // is called, with the refreshed summary, whenever somebody else's event came first: it returns ok
  // to try again behind it, or the error to give up with (Code::fenced when the job is no longer
  // ours). An event that may not follow any more is refused as Code::fenced (the owner's) or
  // Code::invalid. Lost replies are resolved by nonce. After any other error the event may still
  // come to stand in the history: until refresh() or append() has succeeded again, the caller must
  // neither capture nor delete anything. Appending the same again completes the earlier try.
  Result<Event> append(Event event, int64_t wall_ms,
                       const std::function<Status(const Summary&)>& accept);
  // True while the outcome of the last append is unknown.
  bool unsettled() const { return pending_.has_value(); }

 private:
  friend class Ledger;
  Result<bool> read_next();
  void take(const Event& event);
  Status still_allowed(const Event& event) const;

  ObjectStore* store_;
  Job job_;
  Summary summary_;
  std::vector<Event> events_;
  std::optional<Event> pending_;
};

class Ledger {
 public:
  Ledger(ObjectStore& store, Clock& clock) : store_(store), clock_(clock) {}
  ObjectStore& store() { return store_; }
  Clock& clock() { return clock_; }

  // Writes job.json. The job exists once add_created() has succeeded as well. Both may be repeated
  // after an error; Code::exists when the id is somebody else's.
  Status add_job(const Job& job);
  // Writes the active/ marker and then the `created` event. Code::exists when a garbage collector
  // has meanwhile given the submission up.
  Status add_created(const Job& job, const std::string& code_object);
  // The same, and the history that the job has then.
  Result<History> begin(const Job& job, const std::string& code_object);
  // As of this call. Code::not_found without job or `created`, Code::corrupt, Code::too_new.
  Result<History> open(const std::string& job_id);

  // id, name (the newest of that name), unique prefix of an id or of its last part, or "latest" →
  // id. Code::not_found with did-you-mean; Code::invalid when ambiguous, listing the candidates.
  Result<std::string> resolve(const std::string& word);

  // The newest `limit` jobs and every older one that is not final, newest first: finished ones from
  // the index/ listing alone, active ones from their events. Settles active jobs that it finds
  // final. Without `trials`, jobs of sweeps are left out.
  Result<std::vector<JobLine>> list(size_t limit, bool trials = true);
  // After a final event: writes the index/ entry and then removes the active/ marker. Idempotent;
  // ps repairs what a crash between left. Code::invalid while the job is not final.
  Status settle(const History& history);
  // Before `resumed`: puts the active/ marker back. `history` must be up to date and final, and
  // `resumed` must be appended to this very history (whose accept refuses everything).
  Status activate(const History& history);
  // Everything of a job, active/ marker last. Refused while it runs; a pending job is stopped
  // first. Completes a removal that was cut short; takes damaged jobs away too.
  Status remove_job(const std::string& job_id);
  // For the garbage collector: turns submissions that were cut off more than `older_ms` ago (by the
  // time in their ids) into stopped jobs, and completes removals that were cut short. Returns how
  // many.
  Result<int> tidy(int64_t older_ms);

  // Overwrites the heartbeat of an attempt; a member "beat" that differs every time is added.
  Status beat(const std::string& job_id, int attempt, const Json& content);
  // "" when there is none.
  Result<std::string> read_beat(const std::string& job_id, int attempt);

  // Appends bytes to a stream of an attempt ("logs" or "metrics"); `offset` is the stream's byte
  // offset at which they start. May be repeated after an error, with the same bytes or more;
  // Code::fenced when other bytes stand there.
  Status append_stream(const std::string& job_id, const std::string& stream, int attempt,
                       uint64_t offset, std::string_view bytes);
  // Reads on from `offset` of one attempt's stream: all whole chunks that are there, until there
  // are `limit` bytes. `offset` is where the stream begins (0; metrics: metrics_from) or where an
  // earlier read ended.
  Result<std::string> read_stream(const std::string& job_id, const std::string& stream, int attempt,
                                  uint64_t offset, uint64_t limit);

 private:
  Result<bool> is_submitted(const std::string& job_id);
  Result<std::optional<JobLine>> active_line(const std::string& job_id, const std::string& name);
  Status remove_objects(const std::string& job_id);
  Result<bool> abandon(const Job& job);
  Result<bool> tidy_job(const std::string& job_id);

  ObjectStore& store_;
  Clock& clock_;
};

// Judges whether an attempt's owner is alive, by how long its heartbeat has been seen unchanged on
// the observer's own clock.
class BeatWatch {
 public:
  BeatWatch(Clock& clock, int64_t ttl_ms) : clock_(clock), ttl_ms_(ttl_ms) {}
  // Feed what read_beat gave. True once it has been seen unchanged for ttl. The time between two
  // looks counts for at most a third of ttl: an observer that was suspended or cut off has not
  // watched meanwhile. So look at least every third of ttl.
  bool stale(const std::string& beat);

 private:
  Clock& clock_;
  int64_t ttl_ms_;
  std::optional<std::string> last_;
  int64_t looked_at_ = 0;
  int64_t unchanged_ms_ = 0;
};

// The number of the last event in a listing of what begins with `prefix`, of a job or a sweep; 0
// without one. Gives away an event that is missing before it.
Result<uint64_t> last_listed_event(ObjectStore& store, const std::string& prefix);

// This process, as a `claimed` event describes it.
struct AgentIdentity {
  std::string agent;    // a new nonce
  std::string host;     // host name
  std::string boot;     // boot id and pid namespace: only where both agree does a pid mean anything
  std::string machine;  // machine_id()
  int64_t pid = 0;
  uint64_t pid_start = 0;
  static AgentIdentity self();
};
// True when the claim's process certainly no longer exists, so that its attempt may be taken over
// at once: it was of `here`'s very boot and pid namespace, or of an earlier boot of `here`'s
// machine.
bool owner_is_gone(const Event& claimed, const AgentIdentity& here = AgentIdentity::self());

// Claims the next attempt of an up-to-date history. Code::fenced when the job is final, or another
// owner lives or was faster; the caller passes `take_over` true when it has found the present owner
// gone or stale. `metrics_from` is the position in metrics of the last commit in `history`. A
// takeover that the job's limit of preemptions forbids ends the job instead (then history.summary()
// is final).
Result<Event> claim(History& history, const AgentIdentity& self, int64_t wall_ms,
                    uint64_t metrics_from, bool take_over);

}  // namespace baton
