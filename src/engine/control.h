// The line between an agent and the "baton pid1" that it started: a SOCK_SEQPACKET pair whose far
// end is descriptor 3 of PID 1. The agent's end closing (however the agent died) ends the
// container.
//
// Messages are text, one a packet.
//   PID 1 → agent:  "ready"          before the program starts; carries PID 1's credentials
//                   "exit CODE SIG"  the program has ended; everything else is about to
//   agent → PID 1:  "signal N"       to the program and its process group
//                   "kill"           end everything now
#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>

#include "base/result.h"
#include "os/fd.h"
#include "os/process.h"

namespace baton {

// Descriptor numbers that PID 1 finds: the line, and the program's stdout and stderr.
constexpr int kControlFd = 3;
constexpr int kProgramOut = 4;
constexpr int kProgramErr = 5;

// The agent's end. Not thread-safe.
class Control {
 public:
  // The agent's end and PID 1's end.
  static Result<std::pair<Control, Fd>> open();
  int fd() const { return fd_.get(); }
  // Takes in every message that has arrived, without waiting.
  void drain();
  // PID 1's pid on this machine (translated by the kernel), once it is ready.
  std::optional<pid_t> pid() const { return pid_; }
  // How the program ended, once it has.
  const std::optional<ExitStatus>& exit() const { return exit_; }
  // An ended container is success.
  Status signal(int signal);
  void kill();
  // Closes the agent's end, which ends the container as the agent's death would.
  void hang_up() {
    fd_.reset();
    closed_ = true;
  }
  // PID 1 has closed its end.
  bool closed() const { return closed_; }

 private:
  explicit Control(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::optional<pid_t> pid_;
  std::optional<ExitStatus> exit_;
  bool closed_ = false;
};

}  // namespace baton
