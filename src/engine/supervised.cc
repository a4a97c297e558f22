#include "engine/supervised.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/process_tree.h"
#include "os/clock.h"
#include "os/files.h"

namespace baton {

Supervised::~Supervised() { end(); }

bool Supervised::watch(Child runner, int64_t timeout_ms) {
  runner_.emplace(std::move(runner));
  SystemClock clock;
  int64_t deadline = clock.mono_ms() + timeout_ms;
  while (true) {
    control_.drain();
    if (control_.pid()) break;
    int64_t left = deadline - clock.mono_ms();
    if (left <= 0 || runner_->wait(0)) return false;
    std::array<pollfd, 2> entries{{{control_.fd(), POLLIN, 0}, {runner_->pidfd(), POLLIN, 0}}};
    poll(entries.data(), control_.closed() ? 0 : entries.size(),
         static_cast<int>(std::min<int64_t>(left, 1000)));
  }
  init_pid_ = *control_.pid();
  if (init_pid_ != runner_->pid())
    init_.reset(
        static_cast<int>(syscall(SYS_pidfd_open, init_pid_, 0)));  // -1: it has ended already
  return true;
}

std::optional<ContainerExit> Supervised::wait(int64_t timeout_ms) {
  if (ended_ || !runner_) return ended_;
  if (!runner_->wait(timeout_ms)) return std::nullopt;
  finish();
  return ended_;
}

void Supervised::finish() {
  if (init_.valid()) {
    // Ended already, unless the runtime was killed alone.
    syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0);
    pollfd entry{init_.get(), POLLIN, 0};
    while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
  }
  control_.drain();
  ContainerExit result;
  result.status = control_.exit().value_or(ExitStatus{0, SIGKILL});
  measure(result);
  ended_ = result;
}

Status Supervised::signal(int signal) {
  if (ended_) return {};
  if (signal == SIGKILL) return kill();
  return control_.signal(signal);
}

Status Supervised::kill() {
  if (ended_ || !runner_) return {};
  if (init_.valid()) {
    if (syscall(SYS_pidfd_send_signal, init_.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
      return errno_error(errno, "kill the container");
    return {};
  }
  control_.kill();
  return {};
}

std::vector<pid_t> Supervised::pids() {
  if (ended_ || init_pid_ < 0) return {};
  return descendants(init_pid_);
}

void Supervised::end() {
  if (!running()) return;
  (void)kill();
  control_.hang_up();
  if (init_pid_ < 0) runner_->kill(SIGKILL);  // never got as far as PID 1
  runner_->wait();
  finish();
}

}  // namespace baton
