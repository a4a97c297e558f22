// The agent: one attempt at a job on one machine, and the loop that makes attempts while this
// machine lasts.
//
// Steps of an attempt, one file each: claim → restore → stage → run → watch → commit → finish.
// docs/life-of-a-job.md tells the whole way.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "engine/engine.h"
#include "image/image.h"
#include "ledger/ledger.h"
#include "notice/notice.h"
#include "os/clock.h"
#include "store/data_cache.h"
#include "store/rclone_mount.h"

namespace baton {

// Times in milliseconds; tests shorten them.
struct AgentTimes {
  int64_t beat = 5'000;       // heartbeat period
  int64_t beat_ttl = 30'000;  // a heartbeat seen unchanged for so long is nobody's
  int64_t requests = 250;     // how often the store is asked for stop and preempt requests
  int64_t flush = 1'000;      // logs and metrics go to the store at least so often
  int64_t quiet = 500;        // the directories count as quiet after so long without a change
};

// Receives the program's output as it comes, and what the agent has to say about the attempt. Must
// not wait for whoever reads that: the agent would hear no notice meanwhile.
class AgentView {
 public:
  virtual ~AgentView() = default;
  virtual void output(bool is_stderr, std::string_view bytes) = 0;
  // True while so much output waits for its reader that the program should wait too.
  virtual bool behind() const { return false; }
  // One line for people about the job: "commit 3: 12 MiB in 0.2s", "notice from aws: …"; an error's
  // hint may follow on a line of its own.
  virtual void tell(const std::string& line) = 0;
  // The same for what people must not miss, also where the view is otherwise quiet: notices, failed
  // commits.
  virtual void insist(const std::string& line) { tell(line); }
  virtual Progress& progress() = 0;
};

// Everything the agent acts through. References must outlive the agent; all of them thread-safe.
struct AgentParts {
  Ledger& ledger;
  Clock& clock;
  Engine& engine;
  Images& images;
  Log& log;
  AgentView& view;
  std::string home;       // $BATON_HOME
  std::string self_path;  // this binary, for PID 1 in the container
  AgentTimes times;
  // The sources for one attempt; `file` is the attempt's notice file on this machine.
  std::function<std::vector<std::unique_ptr<NoticeSource>>(const std::string& file)> make_notices;
  // The value of a secret by name, or none.
  std::function<std::optional<std::string>(const std::string& name)> secret;
  // Files of the Python helper: path below python/ → content.
  std::map<std::string, std::string> python_helper;
  // Reads this process's SIGINT, SIGTERM, SIGHUP as they come: a signalfd; -1: none.
  int signal_fd = -1;
  // Data and results at URLs; none: there are no such.
  OpenBucket open_data = {};
  uint64_t data_cache_bytes = kDataCacheBytes;  // what HOME/cache/data may hold
  // Mounts a bucket on a directory; none: nothing is mounted.
  std::function<Result<std::unique_ptr<BucketMount>>(const std::string& url,
                                                     const std::string& directory)>
      mount_data = {};
};

// How one call of drive() ended.
struct DriveResult {
  State state = State::pending;          // of the job now
  Outcome outcome = Outcome::succeeded;  // of the last attempt
  ExitStatus exit;                       // of the program in the last attempt
  std::string reason;                    // one sentence
  std::string results_dir;               // where results were delivered, "" when they were not
  bool results_left = false;             // they could not be delivered; the store has them
  bool machine_going = false;            // a notice said that this machine will be taken away
};

// Makes attempts at the job on this machine until it is final, or stopped, or this machine is said
// to go. A preemption asked for by hand (`baton preempt`) lets the next attempt follow at once, as
// the next machine would. Waits for a living owner's heartbeat to go stale only when
// `wait_for_owner`; otherwise Code::fenced. `opened`: the job's history, where it has just been
// opened.
Result<DriveResult> drive(AgentParts& parts, const std::string& job_id, bool wait_for_owner,
                          std::optional<History> opened = {});

// Blocks SIGINT, SIGTERM, SIGHUP and SIGPIPE in this thread (call before any other thread starts)
// and gives a signalfd that reads the first three. Of these, what this process was started to
// ignore stays ignored: nohup's SIGHUP, the SIGINT of a script's background job.
Result<Fd> open_signal_fd();

// Where an attempt keeps its directories on this machine: HOME/run/<job>-<attempt>.
std::string attempt_dir(const std::string& home, const std::string& job, int attempt);
// The notice file of an attempt: create it to preempt the attempt.
std::string notice_file(const std::string& home, const std::string& job, int attempt);

}  // namespace baton
