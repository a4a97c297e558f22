#include "cli/write_behind.h"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <system_error>

#include "os/fd.h"

namespace baton {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kShortWhile = std::chrono::milliseconds(1'500);
constexpr auto kLook = std::chrono::milliseconds(50);

struct Piece {
  bool is_stderr;
  std::string bytes;
  size_t written = 0;
};

}  // namespace

struct WriteBehind::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Piece> pieces;            // guarded by mutex; the first is being written
  size_t waiting = 0;                  // guarded by mutex
  uint64_t taken = 0;                  // changes with what waits; guarded by mutex
  int errors[2] = {0, 0};              // guarded by mutex
  bool given_up[2] = {false, false};   // guarded by mutex
  bool ending = false, ended = false;  // guarded by mutex
  int fds[2];
  Fd wake;  // readable when the thread is to look at all this anew

  void drop(bool is_stderr) {
    std::erase_if(pieces, [&](const Piece& piece) { return piece.is_stderr == is_stderr; });
    waiting = 0;
    for (const Piece& piece : pieces) waiting += piece.bytes.size() - piece.written;
    ++taken;
  }
  void take(size_t bytes) {
    pieces.front().written += bytes;
    waiting -= bytes;
    taken += bytes;
    if (pieces.front().written == pieces.front().bytes.size()) pieces.pop_front();
  }
  void give_up(bool is_stderr) {
    given_up[is_stderr] = true;
    uint64_t one = 1;
    ssize_t ignored = ::write(wake.get(), &one, sizeof one);
    (void)ignored;
  }
};

namespace {

// A pipe with room takes PIPE_BUF bytes at once, so that the waiting happens in poll, where it can
// be ended; a terminal may still make the write wait.
ssize_t write_some(int fd, int wake, std::string_view bytes) {
  pollfd fds[] = {{fd, POLLOUT, 0}, {wake, POLLIN, 0}};
  if (poll(fds, 2, -1) < 0) return -1;
  if (fds[1].revents != 0) {
    uint64_t count;
    ssize_t ignored = ::read(wake, &count, sizeof count);
    (void)ignored;
    return 0;
  }
  return ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
}

}  // namespace

std::unique_ptr<WriteBehind> WriteBehind::start(int out_fd, int err_fd) {
  auto state = std::make_shared<State>();
  state->fds[0] = out_fd;
  state->fds[1] = err_fd;
  state->wake.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->wake.valid()) return nullptr;
  try {
    return std::unique_ptr<WriteBehind>(new WriteBehind(std::move(state)));
  } catch (const std::system_error&) {
    return nullptr;
  }
}

WriteBehind::WriteBehind(std::shared_ptr<State> state)
    : state_(std::move(state)), thread_([kept = state_] { work(*kept); }) {}

WriteBehind::~WriteBehind() {
  drain([] { return true; });
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->changed.notify_all();
  const bool ended = state_->changed.wait_for(lock, kShortWhile, [this] { return state_->ended; });
  lock.unlock();
  if (ended)
    thread_.join();
  else
    thread_.detach();  // in a write to a terminal that has stopped
}

void WriteBehind::put(bool is_stderr, std::string_view bytes) {
  std::lock_guard lock(state_->mutex);
  if (bytes.empty() || state_->given_up[is_stderr]) return;
  state_->pieces.push_back({is_stderr, std::string(bytes)});
  state_->waiting += bytes.size();
  state_->changed.notify_all();
}

size_t WriteBehind::waiting() const {
  std::lock_guard lock(state_->mutex);
  return state_->waiting;
}

int WriteBehind::failed(bool is_stderr) const {
  std::lock_guard lock(state_->mutex);
  return state_->errors[is_stderr];
}

bool WriteBehind::gave_up(bool is_stderr) const {
  std::lock_guard lock(state_->mutex);
  return state_->given_up[is_stderr];
}

void WriteBehind::work(State& state) {
  std::unique_lock lock(state.mutex);
  while (true) {
    state.changed.wait(lock, [&] { return state.ending || !state.pieces.empty(); });
    if (state.pieces.empty()) break;
    Piece& piece = state.pieces.front();
    const bool is_stderr = piece.is_stderr;
    const std::string_view rest = std::string_view(piece.bytes).substr(piece.written);
    ssize_t n = 0;
    if (!state.given_up[is_stderr]) {
      lock.unlock();
      n = write_some(state.fds[is_stderr], state.wake.get(), rest);
      const int error = n < 0 ? errno : 0;
      lock.lock();
      if (error == EINTR || error == EAGAIN) continue;
      if (error != 0) state.errors[is_stderr] = error;
    }
    if (n < 0 || state.given_up[is_stderr])
      state.drop(is_stderr);
    else
      state.take(static_cast<size_t>(n));
    state.changed.notify_all();
  }
  state.ended = true;
  state.changed.notify_all();
}

void WriteBehind::drain(const std::function<bool()>& hurried) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  uint64_t seen = state.taken;
  auto since = SteadyClock::now();
  while (!state.pieces.empty()) {
    state.changed.wait_for(lock, kLook);
    const auto now = SteadyClock::now();
    if (state.taken != seen) {
      seen = state.taken;
      since = now;
    } else if (now - since >= kShortWhile && hurried()) {
      const bool stuck = state.pieces.front().is_stderr;
      if (state.given_up[stuck]) {  // the thread does not come back from its write
        state.give_up(!stuck);
        return;
      }
      state.give_up(stuck);
      since = now;
    }
  }
}

}  // namespace baton
