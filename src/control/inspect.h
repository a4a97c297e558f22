// Inspect: what the records of a job say, put together for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "ledger/ledger.h"

namespace baton {

// Everything about a job, as `baton show --json` prints it (docs/commands.md lists the members).
Json describe_job(const History& history);

// One attempt (`current`: the job runs, in this one) and one commit.
Json describe_attempt(const AttemptSummary& attempt, bool current);
Json describe_commit(const Event& committed);

// True when the job counts as running although its agent, a process of this machine, is gone.
bool is_abandoned(const Summary& summary);

// One line of a listing; `abandoned` as is_abandoned() says.
struct Listed {
  JobLine line;
  bool abandoned = false;
};
// The `newest` newest jobs and every older one that is not final, newest first; trials of sweeps
// only where wanted.
Result<std::vector<Listed>> list_jobs(Ledger& ledger, size_t newest, bool trials);

// The image records of all jobs that are expected to go on: pending, running, stopped. An error
// when one of them cannot be read: then nobody knows what it needs.
Result<std::vector<Json>> images_in_need(Ledger& ledger);

// The metrics of a job where it stands now: JSON lines, assembled over its attempts so that nothing
// is there twice (docs/store-format.md, section 5).
Result<std::string> read_metrics(Ledger& ledger, const History& history);

// The same for one who looks again and again: reads on from where the last look ended. One for each
// job.
class MetricsReader {
 public:
  // `history` is this job's, and up to date. After an error it may be called again.
  Status read_on(Ledger& ledger, const History& history);
  const std::string& lines() const { return lines_; }
  // How often the end of lines() was taken back, for an attempt that goes on from before it. What
  // stood there at one look is the beginning of the next one's, while this stays the same.
  size_t cuts() const { return cuts_; }

 private:
  std::string lines_;
  size_t cuts_ = 0;
  size_t attempts_ = 0;  // how many have begun to be read
  uint64_t offset_ = 0;  // in the stream of the last of them
};

// Reported rows, in order. Lines that are no JSON object are left out and counted.
struct Metrics {
  std::vector<Json> rows;
  std::vector<std::string> names;  // of everything reported, in order of first appearance
  size_t bad_lines = 0;
};
Metrics parse_metrics(const std::string& lines);

}  // namespace baton
