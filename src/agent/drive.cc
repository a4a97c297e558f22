#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "agent/attempt.h"
#include "os/files.h"

namespace baton {
namespace {

Result<DriveResult> run_attempt(Attempt& attempt) {
  for (auto step : {restore_attempt, stage_attempt, start_program, watch_program}) {
    Status status = step(attempt);
    if (!status.ok()) return abandon_attempt(attempt, status.error());
  }
  return finish_attempt(attempt);
}

bool is_ignored(int number) {
  struct sigaction now {};
  return sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

Result<DriveResult> drive(AgentParts& parts, const std::string& job_id, bool wait_for_owner,
                          std::optional<History> opened) {
  for (bool first = true;; first = false) {
    if (!opened) {
      BATON_ASSIGN(opened, parts.ledger.open(job_id));
    }
    Attempt attempt(parts, std::move(*opened));
    opened.reset();
    attempt.first_here = first;
    BATON_TRY(claim_attempt(attempt, wait_for_owner));
    BATON_ASSIGN(DriveResult result, run_attempt(attempt));
    if (is_final(result.state) || result.machine_going) return result;
    parts.view.insist(fmt::format("attempt {} ended ({}): {}; going on with attempt {}",
                                  attempt.number, outcome_name(result.outcome), result.reason,
                                  attempt.number + 1));
  }
}

Result<Fd> open_signal_fd() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    if (!is_ignored(number)) sigaddset(&set, number);
  sigset_t blocked = set;
  sigaddset(&blocked, SIGPIPE);
  if (pthread_sigmask(SIG_BLOCK, &blocked, nullptr) != 0)
    return errno_error(errno, "block signals");
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return errno_error(errno, "make a signalfd");
  return fd;
}

}  // namespace baton
