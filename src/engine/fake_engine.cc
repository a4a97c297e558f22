#include "engine/fake_engine.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <thread>

#include "engine/process_places.h"
#include "os/fd.h"
#include "os/files.h"

namespace baton {
namespace {

// How often a program that waits for a clock turned by hand looks at it again, in real time.
constexpr std::chrono::milliseconds kGlance{1};

class FakeContainer : public Container, private FakeProgram {
 public:
  FakeContainer(const ContainerSpec& spec, Clock& clock, FakeEngine::Program program,
                ContainerExit measured, std::vector<pid_t> pids, std::vector<std::string> warnings)
      : spec_(spec),
        clock_(clock),
        program_(std::move(program)),
        measured_(measured),
        pids_(std::move(pids)),
        warnings_(std::move(warnings)),
        out_(dup(spec.stdout_fd >= 0 ? spec.stdout_fd : 1)),
        err_(dup(spec.stderr_fd >= 0 ? spec.stderr_fd : 2)),
        event_(eventfd(0, EFD_CLOEXEC)),
        thread_([this] { run(); }) {}
  ~FakeContainer() override {
    (void)kill();
    thread_.join();
  }

  int exit_fd() const override { return event_.get(); }
  std::optional<ContainerExit> wait(int64_t timeout_ms) override {
    std::unique_lock lock(mutex_);
    auto over = [this] { return ended_.has_value(); };
    if (timeout_ms < 0)
      changed_.wait(lock, over);
    else
      changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), over);
    return ended_;
  }
  Status signal(int signal) override {
    if (signal == SIGKILL) return kill();
    std::lock_guard lock(mutex_);
    if (!ended_) signals_.push_back(signal);
    changed_.notify_all();
    return {};
  }
  Status kill() override {
    std::lock_guard lock(mutex_);
    killed_ = true;
    changed_.notify_all();
    return {};
  }
  std::vector<pid_t> pids() override {
    std::lock_guard lock(mutex_);
    return ended_ ? std::vector<pid_t>{} : pids_;
  }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  const ContainerSpec& spec() const override { return spec_; }
  std::string path(const std::string& inside) const override {
    ProcessPlaces places;
    for (const auto& mount : spec_.mounts) places.add(mount.destination, mount.source);
    return places.inside(inside);
  }
  void out(const std::string& text) override { write_to(out_, text); }
  void err(const std::string& text) override { write_to(err_, text); }
  int wait_signal(int64_t timeout_ms) override {
    int64_t until = clock_.mono_ms() + timeout_ms;
    std::unique_lock lock(mutex_);
    while (signals_.empty()) {
      if (killed_) throw FakeKilled{};
      if (timeout_ms >= 0 && clock_.mono_ms() >= until) return 0;
      changed_.wait_for(lock, kGlance);
    }
    int signal = signals_.front();
    signals_.pop_front();
    return signal;
  }
  void sleep_ms(int64_t milliseconds) override {
    int64_t until = clock_.mono_ms() + milliseconds;
    std::unique_lock lock(mutex_);
    while (!killed_ && clock_.mono_ms() < until) changed_.wait_for(lock, kGlance);
    if (killed_) throw FakeKilled{};
  }
  void write_to(const Fd& stream, const std::string& text) {
    {
      std::lock_guard lock(mutex_);
      if (killed_) throw FakeKilled{};
    }
    (void)write_all(stream.get(), text, "the program's stream");
  }

  void run() {
    sigset_t pipe_signal;  // a stream that nobody reads is the program's trouble, not the test's
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    ContainerExit result = measured_;
    try {
      result.status = program_(*this);
    } catch (const FakeKilled&) {
      result.status = {0, SIGKILL};
    } catch (const std::exception&) {
      result.status = {0, SIGABRT};  // as a program that does not catch it
    }
    out_.reset();
    err_.reset();
    std::lock_guard lock(mutex_);
    ended_ = result;
    uint64_t one = 1;
    ssize_t ignored = write(event_.get(), &one, sizeof one);
    (void)ignored;
    changed_.notify_all();
  }

  const ContainerSpec spec_;
  Clock& clock_;
  const FakeEngine::Program program_;
  const ContainerExit measured_;
  const std::vector<pid_t> pids_;
  const std::vector<std::string> warnings_;
  Fd out_, err_, event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> signals_;
  bool killed_ = false;
  std::optional<ContainerExit> ended_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

void FakeEngine::set_program(Program program) {
  std::lock_guard lock(mutex_);
  program_ = std::move(program);
}

void FakeEngine::fail_next_start(Error error) {
  std::lock_guard lock(mutex_);
  start_error_ = std::move(error);
}

void FakeEngine::set_measurements(bool oom_killed, uint64_t peak_memory) {
  std::lock_guard lock(mutex_);
  measured_ = {{}, oom_killed, peak_memory};
}

void FakeEngine::set_pids(std::vector<pid_t> pids) {
  std::lock_guard lock(mutex_);
  pids_ = std::move(pids);
}

void FakeEngine::set_warnings(std::vector<std::string> warnings) {
  std::lock_guard lock(mutex_);
  warnings_ = std::move(warnings);
}

std::vector<ContainerSpec> FakeEngine::started() const {
  std::lock_guard lock(mutex_);
  return started_;
}

Result<std::unique_ptr<Container>> FakeEngine::start(const ContainerSpec& spec) {
  std::lock_guard lock(mutex_);
  if (start_error_) {
    Error error = *start_error_;
    start_error_.reset();
    return error;
  }
  if (spec.argv.empty()) return Error{Code::invalid, "there is no command to run", ""};
  if (!program_)
    return Error{Code::invalid, "the fake engine was given no program", "call set_program()"};
  started_.push_back(spec);
  return std::unique_ptr<Container>(
      std::make_unique<FakeContainer>(spec, clock_, program_, measured_, pids_, warnings_));
}

}  // namespace baton
