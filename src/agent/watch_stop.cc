#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "agent/watch.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

int signal_number(const std::string& name) {
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* known = sigabbrev_np(number);
    if (known && (name == known || name == std::string("SIG") + known)) return number;
  }
  return SIGTERM;
}

// Then the machine stays.
bool by_hand(const Notice& notice) { return notice.source == "request" || notice.source == "file"; }

}  // namespace

void Watch::read_signals() {
  signalfd_siginfo info{};
  while (parts_.signal_fd >= 0 && ::read(parts_.signal_fd, &info, sizeof info) == sizeof info) {
    int64_t now = parts_.clock.mono_ms();
    if (info.ssi_signo == SIGTERM) {
      Notice notice;
      notice.source = "signal";
      notice.reason = "SIGTERM to the agent";
      on_notice(notice);
    } else if (info.ssi_signo == SIGINT && ++interrupts_ > 1) {
      kill_program("Ctrl-C again");
    } else {
      // A closed terminal says so twice: the shell to its jobs, and the kernel to the foreground.
      ask_to_end(StopCause::stop,
                 info.ssi_signo == SIGINT ? "stopped by Ctrl-C" : "the terminal was closed",
                 now + a_.spec().grace_ms);
    }
  }
}

void Watch::read_notices() {
  std::deque<Notice> fresh;
  {
    std::lock_guard lock(inbox_.mutex);
    fresh.swap(inbox_.notices);
    uint64_t count;
    ssize_t ignored = ::read(inbox_.event.get(), &count, sizeof count);
    (void)ignored;
  }
  for (const Notice& notice : fresh) {
    if (notice.kind == Notice::Kind::terminate) on_notice(notice);
    if (notice.kind == Notice::Kind::cancelled) on_cancelled(notice);
    if (notice.kind == Notice::Kind::rebalance) {
      parts_.view.insist(
          fmt::format("{}: {}; committing soon", notice.source, printable(notice.reason)));
      next_periodic_ = 0;
    }
  }
}

void Watch::ask_for_requests() {
  next_requests_ = INT64_MAX;  // until the answer is here
  a_.errands.post([this, &a = a_]() -> Errands::After {
    Status refreshed = a.history.refresh();
    if (!refreshed.ok())
      a.parts.log.debug(
          refreshed.error().text());  // a store that does not answer must not hurt the program
    const Summary& summary = a.history.summary();
    Requests asked{summary.attempt == a.number && summary.state == State::running,
                   summary.stop_requested, summary.preempt_requested};
    return [this, asked] { return on_requests(asked); };
  });
}

Status Watch::on_requests(const Requests& asked) {
  next_requests_ = parts_.clock.mono_ms() + parts_.times.requests;
  if (!asked.ours)
    return Error{Code::fenced, fmt::format("job {} was taken over by another agent", a_.job().id),
                 ""};
  if (ended_) return {};  // of itself: what was asked too late does not change how
  if (asked.stop)
    ask_to_end(StopCause::stop, "stopped by request", parts_.clock.mono_ms() + a_.spec().grace_ms);
  if (asked.preempt && notices_.empty()) {
    Notice notice;
    notice.source = "request";
    notice.reason = "baton preempt";
    on_notice(notice);
  }
  return {};
}

void Watch::on_notice(const Notice& notice) {
  int64_t now = parts_.clock.mono_ms();
  notices_.push_back(notice);
  int64_t& deadline = notices_.back().deadline_mono_ms;
  if (deadline < 0) deadline = now + a_.spec().grace_ms;
  if (!by_hand(notice)) a_.machine_going = true;
  if (notices_.size() > 1) {  // a second source, or the same again: the earliest deadline counts
    update_kill_time(now);
    return;
  }
  was_noticed_ = in_haste_ = true;
  a_.notice = notice;
  int64_t left = std::max<int64_t>(deadline - now, 0);
  parts_.view.insist(fmt::format("notice from {}: {}; {} left", notice.source,
                                 printable(notice.reason), human_duration_ms(left)));
  ask_to_end(StopCause::notice, notice.reason, deadline);
  Event event;
  event.type = EventType::noticed;
  event.source = notice.source;
  event.reason = notice.reason;
  event.deadline_in_ms = left;
  a_.errands.post([&a = a_, event]() -> Errands::After {
    auto recorded = append_own(a, event);
    if (!recorded.ok())
      a.parts.log.debug(recorded.error().text());  // being fenced shows at the next request round
    return nullptr;
  });
}

void Watch::on_cancelled(const Notice& notice) {
  if (ended_) return;
  auto same = [&](const Notice& n) { return n.source == notice.source && n.id == notice.id; };
  if (std::erase_if(notices_, same) == 0) return;
  parts_.view.insist(fmt::format("{} withdrew its notice", notice.source));
  a_.machine_going = !std::all_of(notices_.begin(), notices_.end(), by_hand);
  in_haste_ = !notices_.empty();
  a_.notice.reset();
  if (!notices_.empty()) a_.notice = notices_.front();
  kill_at_ = -1;
  if (a_.end.cause == StopCause::notice && notices_.empty()) return let_go_on();
  // There is another reason to end: the file tells of that one now.
  if (a_.end.cause == StopCause::notice) a_.reason = notices_.front().reason;
  int64_t now = parts_.clock.mono_ms();
  write_preempt_file(a_.end.cause, a_.reason, std::max<int64_t>(deadline() - now, 0));
  update_kill_time(now);
}

// The program was told already and may be ending; should it go on, it does so as if nothing had
// been said, and the next notice counts like a first one.
void Watch::let_go_on() {
  a_.end.cause = StopCause::none;
  a_.reason += " (withdrawn)";
  unlink(a_.paths.preempt.c_str());
  if (a_.courier) a_.courier->carry_on();
}

// The file also appears when the job is stopped or out of time: a program that cannot catch signals
// has nothing else to look at.
void Watch::write_preempt_file(StopCause cause, const std::string& why, int64_t left) {
  std::string source = cause == StopCause::notice ? notices_.front().source
                       : cause == StopCause::stop ? "stop"
                                                  : "timeout";
  Json file = {{"source", source},
               {"reason", why},
               {"deadline_in_ms", left},
               {"deadline", iso_time_ms(parts_.clock.wall_ms() + left)}};
  Status written = replace_file(a_.paths.preempt, dump_json(file) + "\n", false, 0644);
  if (!written.ok())
    parts_.view.insist(written.error().text());  // the signal still tells the program
}

void Watch::ask_to_end(StopCause cause, const std::string& why, int64_t deadline) {
  if (a_.courier) a_.courier->stand_back();
  if (cause != StopCause::notice)
    patience_ = patience_ < 0 ? deadline : std::min(patience_, deadline);
  if (a_.end.cause == StopCause::none) {
    a_.end.cause = cause;
    a_.reason = why;
    write_preempt_file(cause, why, std::max<int64_t>(deadline - parts_.clock.mono_ms(), 0));
    int number = signal_number(a_.spec().signal);
    a_.end.signal_sent = number;
    if (cause != StopCause::notice) parts_.view.insist(why + "; committing before it ends");
    Status sent = a_.container->signal(number);
    if (!sent.ok()) parts_.log.debug(sent.error().text());  // it has ended just now
  } else if (cause == StopCause::stop && a_.end.cause == StopCause::notice) {
    // Whoever stops the job wins over a notice that came first: the job must not go on elsewhere.
    a_.end.cause = cause;
    a_.reason = why;
  }
  update_kill_time(parts_.clock.mono_ms());
}

// Of the machine, or of our patience; -1 without any.
int64_t Watch::deadline() const {
  int64_t earliest = patience_;
  for (const Notice& notice : notices_)
    earliest = earliest < 0 ? notice.deadline_mono_ms : std::min(earliest, notice.deadline_mono_ms);
  return earliest;
}

void Watch::update_kill_time(int64_t now) {
  const int64_t until = deadline();
  if (until < 0) return;
  const TreeLook checkpoint = look_at_tree(a_.paths.checkpoint);
  const TreeLook results = look_at_tree(a_.paths.results);
  const int64_t commit = a_.commit_clock.predict_ms(checkpoint.bytes + results.bytes,
                                                    checkpoint.entries + results.entries);
  int64_t kill_at = kill_time_ms(now, until, commit);
  // Looked at again and again, since programs save on a notice: what is more to commit makes it
  // earlier. Never later: a prediction beyond the deadline would put it off each time.
  kill_at_ = kill_at_ < 0 ? kill_at : std::min(kill_at_, kill_at);
}

void Watch::kill_program(const std::string& why) {
  if (ended_ || a_.end.killed_by_agent) return;
  int64_t wall = parts_.clock.wall_ms();
  TreeLook checkpoint = look_at_tree(a_.paths.checkpoint);
  TreeLook results = look_at_tree(a_.paths.results);
  int64_t newest = checkpoint.entries ? checkpoint.newest_ms : results.newest_ms;
  a_.was_quiet = wall - newest >= parts_.times.quiet &&
                 !has_open_writer(a_.container->pids(), a_.paths.checkpoint);
  a_.end.killed_by_agent = true;
  if (a_.end.cause == StopCause::none) a_.end.cause = StopCause::stop;
  parts_.view.insist("killing the program: " + why);
  Status killed = a_.container->kill();
  if (!killed.ok()) parts_.log.debug(killed.error().text());
}

}  // namespace baton
