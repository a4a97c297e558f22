#include "agent/watch.h"

#include <unistd.h>

#include <algorithm>

namespace baton {
namespace {

constexpr int64_t kDrainMs =
    2'000;  // how long a stray writer may keep the program's streams open after its end

constexpr int64_t kEstimateMs = 1'000;  // how often the final commit's time is predicted anew

constexpr int64_t kViewMs = 20;  // how often a view that is behind is looked at

constexpr size_t kReadAtOnce = 1 << 20;   // of a stream, before something else is looked at
constexpr size_t kSendEarly = 256 << 10;  // so much output is not kept until its time has come
constexpr size_t kHeldBack = 8 << 20;     // so much, and the program waits for the store

}  // namespace

Watch::Watch(Attempt& attempt)
    : a_(attempt),
      parts_(attempt.parts),
      socket_(*attempt.socket),
      inbox_(*attempt.inbox),
      captures_(std::move(attempt.captures)) {
  next_periodic_ = parts_.clock.mono_ms() + a_.spec().checkpoint_every_ms;
  // `started` stands behind all that there was until then.
  const Summary& summary = a_.history.summary();
  ran_before_ = counted_ms(a_.history.events());
  if (!summary.stop_requested && !summary.preempt_requested)
    next_requests_ = parts_.clock.mono_ms() + parts_.times.requests;
}

Watch::~Watch() { given_up_ = in_haste_ = true; }

// A program that prints faster than the store or the terminal takes it waits; one whose store fails
// does not, nor one that is to end: it has to save in time.
bool Watch::holds_back() const {
  if (ended_ || a_.end.cause != StopCause::none) return false;
  const bool store_behind = sending_ && !send_fails_ && a_.log->waiting() >= kHeldBack;
  return store_behind || parts_.view.behind();
}

void Watch::read_output(Fd& fd, bool is_stderr) {
  char buffer[65536];
  for (size_t total = 0; fd.valid() && total < kReadAtOnce && !holds_back();) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      fd.reset();
      return;
    }
    std::string_view bytes(buffer, static_cast<size_t>(n));
    parts_.view.output(is_stderr, bytes);
    a_.log->add(bytes);
    total += bytes.size();
  }
}

void Watch::wait(int64_t timeout_ms) {
  std::vector<pollfd> fds = {{a_.container->exit_fd(), POLLIN, 0},
                             {inbox_.event.get(), POLLIN, 0},
                             {captures_->fd(), POLLIN, 0},
                             {a_.errands.fd(), POLLIN, 0}};
  if (parts_.signal_fd >= 0) fds.push_back({parts_.signal_fd, POLLIN, 0});
  for (const Fd* fd : {&a_.out, &a_.err})
    if (fd->valid() && !holds_back()) fds.push_back({fd->get(), POLLIN, 0});
  socket_.add_to(fds);
  poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(timeout_ms, 0, 60'000)));
}

void Watch::send_output() {
  sending_ = true;
  next_flush_ = parts_.clock.mono_ms() + parts_.times.flush;
  a_.errands.post([this, &a = a_]() -> Errands::After {
    Status log = a.log->flush();
    Status metrics = a.metrics->pump(false);
    for (const Status* status : {&log, &metrics})
      if (!status->ok())
        a.parts.log.debug(status->error().text());  // kept, and tried again at the next flush
    return [this, failed = !log.ok() || !metrics.ok()] {
      sending_ = false;
      send_fails_ = failed;
      return Status();
    };
  });
}

void Watch::on_time(int64_t now) {
  if (now >= next_requests_) ask_for_requests();
  const bool much = a_.log->waiting() > kSendEarly && !send_fails_;
  if (!sending_ && (now >= next_flush_ || much)) send_output();
  const auto& limit = a_.spec().timeout_ms;
  int64_t ran = ran_before_ + now - a_.started_ms;
  if (limit && a_.end.cause == StopCause::none && ran >= *limit)
    ask_to_end(StopCause::timeout, "its timeout is over", now + a_.spec().grace_ms);
  if (deadline() >= 0 && now >= next_estimate_) {
    next_estimate_ = now + kEstimateMs;
    update_kill_time(now);
  }
  if (kill_at_ >= 0 && now >= kill_at_ && !a_.end.killed_by_agent)
    kill_program("its grace is over");
  if (retry_capture_at_ >= 0 && now >= retry_capture_at_) start_capture();
  consider_periodic(now);
}

// Of all that was done elsewhere meanwhile; the first error.
Status Watch::take_outcomes() {
  Status first;
  for (Errands* errands : {&a_.errands, captures_.get()})
    while (auto after = errands->take()) {
      Status outcome = (*after)();
      if (first.ok()) first = outcome;
    }
  return first;
}

void Watch::end_of_program(const ContainerExit& exit) {
  ended_ = true;
  in_haste_ = true;  // until the final commit stands, the machine must not go
  a_.end.exit = exit.status;
  a_.end.oom_killed = exit.oom_killed;
  // A program that was told to leave may have left for that, whatever has been withdrawn since.
  if (a_.end.cause == StopCause::none && was_noticed_) a_.end.cause = StopCause::notice;
  a_.peak_memory = exit.peak_memory;
  a_.ran_ms = parts_.clock.mono_ms() - a_.started_ms;
}

Status Watch::run() {
  Status status;
  while (!ended_) {
    int64_t now = parts_.clock.mono_ms();
    on_time(now);
    int64_t next = std::min(next_requests_, now + 1'000);
    if (!sending_) next = std::min(next, next_flush_);
    if (kill_at_ >= 0 && !a_.end.killed_by_agent) next = std::min(next, kill_at_);
    if (retry_capture_at_ >= 0) next = std::min(next, retry_capture_at_);
    if (parts_.view.behind()) next = std::min(next, now + kViewMs);
    wait(next - now);
    read_output(a_.out, false);
    read_output(a_.err, true);
    read_signals();
    read_notices();
    read_program();
    if (Status outcome = take_outcomes(); !outcome.ok() && status.ok()) {
      status = outcome;
      kill_program("the job is not ours any more");
    }
    if (auto exit = a_.container->wait(0)) end_of_program(*exit);
  }
  return status.ok() ? drain() : status;
}

// What the program has left: the rest of its output, and the capture that still runs.
Status Watch::drain() {
  int64_t until = parts_.clock.mono_ms() + kDrainMs;
  while ((a_.out.valid() || a_.err.valid()) && parts_.clock.mono_ms() < until) {
    read_output(a_.out, false);
    read_output(a_.err, true);
    std::vector<pollfd> fds;
    for (const Fd* fd : {&a_.out, &a_.err})
      if (fd->valid()) fds.push_back({fd->get(), POLLIN, 0});
    if (!fds.empty()) poll(fds.data(), fds.size(), 50);
  }
  // It sees files that change no more; its result counts like any other.
  Status status;
  while (capturing_ && status.ok()) {
    pollfd done[] = {{captures_->fd(), POLLIN, 0}, {a_.errands.fd(), POLLIN, 0}};
    poll(done, 2, 1'000);
    status = take_outcomes();
  }
  // The dropping of old commits, which ends early now.
  if (status.ok()) captures_->finish();
  return status;
}

Status watch_program(Attempt& attempt) {
  Watch watch(attempt);
  return watch.run();
}

}  // namespace baton
