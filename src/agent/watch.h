// Watch: the loop beside the running program. Single-threaded; notices, the heartbeat and captures
// come from other threads.
#pragma once

#include <deque>
#include <mutex>

#include "agent/attempt.h"
#include "agent/capture_thread.h"

namespace baton {

class Watch {
 public:
  // The attempt was started: it has a container and a socket.
  explicit Watch(Attempt& attempt);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // Until the program has ended and all it printed has been read. Code::fenced: it was killed
  // because the job is not ours.
  Status run();

 private:
  // watch.cc
  void wait(int64_t timeout_ms);
  void read_output(Fd& fd, bool is_stderr);
  Status on_time(int64_t now);
  void end_of_program(const ContainerExit& exit);
  // watch_stop.cc: everything that makes the program end
  void read_signals();
  void read_notices();
  Status read_requests();
  void on_notice(const Notice& notice);
  void on_cancelled(const Notice& notice);
  void write_preempt_file(StopCause cause, const std::string& why, int64_t left);
  void ask_to_end(StopCause cause, const std::string& why, int64_t deadline);
  void kill_program(const std::string& why);
  void update_kill_time(int64_t now);
  // watch_commit.cc: commits while it runs
  void read_program();
  void start_capture();
  Status finish_capture();
  void answer_all(const std::string& line);
  void start_queued();
  void consider_periodic(int64_t now);

  Attempt& a_;
  AgentParts& parts_;
  ProgramSocket& socket_;
  CaptureThread capture_;

  // What the sources' threads have heard. Sources outlive the watch: a notice is acknowledged after
  // the final commit.
  struct Inbox {
    std::mutex mutex;
    std::deque<Notice> notices;  // guarded by mutex
    Fd event;                    // readable when there is something
  };
  std::shared_ptr<Inbox> inbox_;

  bool ended_ = false;
  std::optional<Notice> noticed_;
  int interrupts_ = 0;
  int64_t deadline_ = -1;  // of the machine, or of our patience
  int64_t kill_at_ = -1;
  int64_t next_estimate_ = 0;

  std::vector<int> waiting_;  // clients that wait for the running capture
  std::vector<int> queued_;   // clients that asked while it ran
  int capture_tries_ = 0;
  int64_t retry_capture_at_ = -1;
  CommittedLook before_capture_;
  std::optional<CommittedLook> last_look_;
  int64_t next_periodic_ = 0, next_requests_ = 0, next_flush_ = 0;
};

}  // namespace baton
