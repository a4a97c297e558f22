// Event: one immutable record in a job's history; the job's state is the fold of its events.
//
//            created            claimed              ended(succeeded)
//   (none) ───────────▶ pending ───────▶ running ─────────────────────────────────▶ succeeded
//                        │ ▲ ▲              │ │ ended(failed|oom|timeout), no retries left;
//                        │ │ └── ended(…) ──┘ │ ended(preempted|lost), too many of them
//                        │ │   tries left     ├──────────────────────────────────▶ failed ──┐
//                        │ │                  │ ended(stopped), or any other end            │
//                        │ │ stop_requested   ▼ but succeeded after stop_requested          │
//                        └─│──────────────▶ stopped ────────────────────────────────────────┤
//                          └────────────────────── resumed ─────────────────────────────────┘
//
// A `claimed` while running takes the job over: the earlier attempt counts as lost. A takeover
// keeps a stop request: the new owner finds it in the summary and ends the attempt as stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace baton {

enum class EventType {
  created,
  claimed,
  started,
  committed,
  noticed,
  stop_requested,
  preempt_requested,
  ended,
  resumed
};
enum class Outcome { succeeded, failed, preempted, stopped, lost, timeout, oom };
enum class State { pending, running, succeeded, failed, stopped };

const char* event_type_name(EventType type);
const char* outcome_name(Outcome outcome);
const char* state_name(State state);
bool is_final(State state);  // succeeded, failed or stopped

constexpr uint64_t kMaxEventNumber = 99'999'999;        // 8 digits
constexpr uint64_t kMaxStreamOffset = 999'999'999'999;  // 12 digits
constexpr int kMaxAttempt = 999'999;
constexpr uint64_t kMaxEventBytes = 64 << 10;

struct Event {
  uint64_t number = 0;  // 1, 2, 3 … without gaps
  EventType type = EventType::created;
  std::string nonce;  // distinguishes one's own write after a lost reply
  int64_t at_ms = 0;  // writer's wall clock, for display only
  int attempt = 0;    // 1..kMaxAttempt; 0 for created, stop_requested, preempt_requested, resumed
  // claimed:
  std::string agent;          // nonce of the agent process
  std::string host, boot;     // host name; boot id and pid namespace
  std::string machine;        // machine_id(), "" where unknown
  int64_t pid = 0;            // the agent's, to notice at once on the same machine that it is gone
  uint64_t pid_start = 0;     // process_start_time of it
  uint64_t metrics_from = 0;  // byte offset in the metrics stream at which this attempt goes on
  // committed:
  std::string commit;                               // commit name: "<seq>-<attempt>"
  std::string commit_hash;                          // sha256 of the manifest's bytes
  uint64_t commit_bytes = 0, commit_new_bytes = 0;  // captured in all; written anew
  int64_t commit_ms = 0;                            // how long it took
  // noticed:
  std::string source;
  int64_t deadline_in_ms = -1;
  std::string reason;  // also of ended and the requests: one sentence for people; cut at 4000 bytes
  // ended:
  Outcome outcome = Outcome::succeeded;
  int exit_code = 0, exit_signal = 0;
  uint64_t peak_memory = 0;
  int64_t ran_ms = 0;  // how long the program ran in this attempt
  // created:
  std::string code_object;  // store key of the code snapshot, "" without code
  std::string name;         // the job's name, so that listings need not read job.json
};

std::string encode_event(const Event& event);
// Checks what can be checked of one event alone. Code::too_new for a type this version does not
// know, Code::corrupt for anything else that is not an event; both name `what`.
Result<Event> decode_event(std::string_view text, const std::string& what);

struct AttemptSummary {
  int attempt = 0;
  Event claimed;
  // noticed: the first; ended: for an attempt taken over, made up with outcome lost.
  std::optional<Event> started, noticed, ended;
  int commits = 0;
};

// The fold of a job's events.
struct Summary {
  State state = State::pending;
  uint64_t events = 0;  // number of the last event folded
  int attempt = 0;      // the latest attempt, 0 before the first
  std::vector<AttemptSummary> attempts;
  std::vector<Event> commits;                       // every committed event, oldest first
  int preemptions = 0, failures = 0;                // in all; lost attempts count as preemptions
  int recent_preemptions = 0, recent_failures = 0;  // since the last resume: what limits apply to
  int64_t ran_ms = 0;                               // program time over all ended attempts
  bool stop_requested = false;                      // and not resumed since; survives takeovers
  bool preempt_requested = false;                   // since the last claim
  std::string name, code_object;
  int64_t created_ms = 0, changed_ms = 0;
  std::optional<Outcome>
      outcome;         // of the last ended attempt; stopped when a pending job was stopped
  std::string reason;  // of it
  int exit_code = 0, exit_signal = 0;
};

// Whether `event` may follow `summary` (its number is the next, its attempt the current one, …);
// the error is Code::corrupt and says which rule of docs/store-format.md, "Events", it breaks.
Status may_follow(const Summary& summary, const Event& event);
// Adds one event. Precondition: may_follow. `retries` and `max_preemptions` are the job's own.
void apply(Summary& summary, const Event& event, int retries, std::optional<int> max_preemptions);

// "00000012-3" → sequence number and attempt; none for anything else.
struct CommitName {
  uint64_t seq = 0;
  int attempt = 0;
};
std::optional<CommitName> parse_commit_name(std::string_view name);

}  // namespace baton
