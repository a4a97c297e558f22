// The agent's decisions, pure: what an ending means, whether a final commit is taken, how long the
// program may go on.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "model/event.h"
#include "os/process.h"

namespace baton {

// Why the agent asked the program to end; the first cause stands.
enum class StopCause { none, notice, stop, timeout };

struct EndFacts {
  StopCause cause = StopCause::none;
  ExitStatus exit;
  bool oom_killed = false;
  bool killed_by_agent = false;  // SIGKILL from us: the time was up, or Ctrl-C twice
  int signal_sent = 0;           // the signal by which we asked, 0 when we did not
};

// After a notice any exit means preempted: a program that had really finished finishes again at
// once from its checkpoint, while the opposite guess would lose work. The same holds for a stop.
Outcome classify(const EndFacts& facts);

// True when the program wound itself up: it was not killed, not by us, not by the signal we sent
// (also when a shell in between turned that into 128 + signal), not for memory.
bool ended_by_itself(const EndFacts& facts);

struct CommitFacts {
  bool program_commits =
      false;  // it asks for commits itself, so only it knows when its files are consistent
  bool checkpoint_used = false;     // the checkpoint directory is not empty
  bool checkpoint_changed = false;  // … and differs from the last commit's
  bool anything_changed = false;    // any of the directories differs from the last commit
  bool was_quiet = false;           // nothing had changed for a moment when the program was killed
};

// Whether to commit after the program's end. Results and metrics are only worth keeping together
// with the checkpoint they belong to: after a death in mid-course they run ahead of it, and a
// resumed program would append the same lines again.
bool wants_final_commit(const EndFacts& end, const CommitFacts& facts);

// Whether to commit now, while the program runs and did not ask. `was_quiet`: nothing changed for a
// moment.
bool wants_periodic_commit(const CommitFacts& facts);

// Bytes a millisecond that are assumed to be written before anything was measured: a slow disk, and
// a slow line to a bucket.
constexpr double kDiskBytesPerMs = 50e3;
constexpr double kBucketBytesPerMs = 10e3;

// Predicts how long a commit takes from the measured speed of earlier ones. Pessimistic on purpose.
class CommitClock {
 public:
  explicit CommitClock(double assumed_bytes_per_ms = kDiskBytesPerMs)
      : assumed_(assumed_bytes_per_ms) {}
  // One finished commit: bytes captured in all, bytes written anew, milliseconds.
  void record(uint64_t bytes, uint64_t new_bytes, int64_t took_ms);
  // Milliseconds for a commit of `bytes` in `entries` files and directories, assuming all of it may
  // be new unless earlier commits wrote less.
  int64_t predict_ms(uint64_t bytes, uint64_t entries = 0) const;

  struct Sample {
    uint64_t bytes, new_bytes;
    int64_t ms;
  };
  const std::deque<Sample>& samples() const { return samples_; }

 private:
  double assumed_;
  std::deque<Sample> samples_;  // the last five
};

// The program's time that counts against its timeout, of the attempts that have ended: since it was
// last over, or somebody resumed the job.
int64_t counted_ms(const std::vector<Event>& events);

// The moment (same clock as `now`) at which the program is killed so that the final commit still
// fits before `deadline`. At least a tenth of what is left belongs to the program, at least that
// much to the commit.
int64_t kill_time_ms(int64_t now, int64_t deadline, int64_t predicted_commit_ms);

}  // namespace baton
