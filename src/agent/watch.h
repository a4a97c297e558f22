// Watch: the loop beside the running program. It hears notices, and so it never waits for a store:
// requests are asked for, output sent and commits recorded by the attempt's errands, commits taken
// by errands of its own; notices and the heartbeat come from further threads.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "agent/attempt.h"

namespace baton {

class Watch {
 public:
  // The attempt was started: it has a container and a socket.
  explicit Watch(Attempt& attempt);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // Until the program has ended and all it printed has been read. Code::fenced: it was killed
  // because the job is not ours.
  Status run();

 private:
  // watch.cc
  void wait(int64_t timeout_ms);
  void read_output(Fd& fd, bool is_stderr);
  bool holds_back() const;
  void send_output();
  void on_time(int64_t now);
  Status take_outcomes();
  Status drain();
  void end_of_program(const ContainerExit& exit);
  // watch_stop.cc: everything that makes the program end
  void read_signals();
  void read_notices();
  void ask_for_requests();
  struct Requests {
    bool ours, stop, preempt;
  };
  Status on_requests(const Requests& asked);
  void on_notice(const Notice& notice);
  void on_cancelled(const Notice& notice);
  void let_go_on();
  int64_t deadline() const;
  void write_preempt_file(StopCause cause, const std::string& why, int64_t left);
  void ask_to_end(StopCause cause, const std::string& why, int64_t deadline);
  void kill_program(const std::string& why);
  void update_kill_time(int64_t now);
  // watch_commit.cc: commits while it runs
  void read_program();
  void forget_gone_clients();
  void start_capture();
  Status on_looked_for(const Result<bool>& stands);
  void capture();
  using Capture = std::shared_ptr<const Result<Captured>>;
  void record(const Capture& capture, const CommittedLook& look);
  Status on_recorded(const Captured& captured, const Result<int64_t>& took_ms,
                     const CommittedLook& look);
  void on_capture_failed(const Error& error);
  void answer_all(const std::string& line);
  void start_queued();
  void consider_periodic(int64_t now);

  Attempt& a_;
  AgentParts& parts_;
  ProgramSocket& socket_;
  NoticeInbox& inbox_;

  bool ended_ = false;
  std::vector<Notice> notices_;  // those in force, each with its deadline
  bool was_noticed_ = false;     // the program was told to leave, even if the notice was withdrawn
  int interrupts_ = 0;
  int64_t patience_ = -1;  // until then the program may end after a stop or a timeout
  int64_t kill_at_ = -1;
  int64_t next_estimate_ = 0;
  int64_t ran_before_ = 0;  // of earlier attempts

  bool capturing_ = false;  // until the capture is recorded, or has failed
  // The program asked for the running capture, or for one behind it. That holds even where whoever
  // asked has gone since.
  bool asked_ = false, asked_again_ = false;
  std::vector<ProgramSocket::Client> waiting_;  // for the running capture
  std::vector<ProgramSocket::Client> queued_;   // who asked while it ran
  int capture_tries_ = 0;
  int64_t retry_capture_at_ = -1;
  std::optional<CommittedLook> last_look_;
  int64_t next_periodic_ = 0, next_requests_ = 0, next_flush_ = 0;
  bool sending_ = false;     // output is on its way to the store
  bool send_fails_ = false;  // … and did not arrive the last time

  std::atomic<bool> given_up_{false};  // a commit is of no use any more
  std::atomic<bool> in_haste_{false};  // what can wait is left: dropping old commits
  std::unique_ptr<Errands> captures_;  // taking commits and dropping old ones; the last member
};

}  // namespace baton
