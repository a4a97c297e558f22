#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "engine/plan.h"
#include "os/files.h"

namespace baton {
namespace {

struct Failure {
  int step = -1;  // of the plan; -1: executing argv
  int error = 0;
};

struct Prepared {
  const PlannedChild* options;
  char* const* argv;
  char* const* env;
  int go_fd;     // a byte arrives when the id map is written
  int error_fd;  // takes a Failure; closes on exec
};

// Sources move above every target number first, so that no dup2 overwrites a later source.
void place_descriptors(const PlannedChild& options, int& error_fd) {
  constexpr int kHigh = 64;
  std::array<std::pair<int, int>, 16> moved{};
  size_t count = 0;
  auto take = [&](int from, int to) {
    if (count < moved.size()) moved[count++] = {fcntl(from, F_DUPFD_CLOEXEC, kHigh), to};
  };
  take(options.in_fd, 0);
  take(options.out_fd, 1);
  take(options.err_fd, 2);
  for (const auto& [from, to] : options.keep) take(from, to);
  error_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, kHigh);
  close_range(0, kHigh - 1, 0);
  close_range(kHigh, ~0U, CLOSE_RANGE_CLOEXEC);
  for (size_t i = 0; i < count; ++i) dup2(moved[i].first, moved[i].second);
}

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void child_main(const Prepared& prepared) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char byte = 0;
  if (read(prepared.go_fd, &byte, 1) != 1) _exit(127);
  int error_fd = prepared.error_fd;
  // A session of its own: a terminal's Ctrl-C is for the agent, which then decides.
  setsid();
  Failure failure;
  failure.step = prepared.options->plan->run();
  if (failure.step < 0) {
    place_descriptors(*prepared.options, error_fd);
    execve(prepared.argv[0], prepared.argv, prepared.env);
  }
  failure.error = errno;
  ssize_t ignored = write(error_fd, &failure, sizeof failure);
  (void)ignored;
  _exit(127);
}

pid_t clone_child(int cgroup_fd, int* pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(cgroup_fd);
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

Error clone_error(int error) {
  Error why = errno_error(error, "make a user namespace");
  why.code = Code::unsupported;
  why.hint = "baton doctor says what this machine allows";
  return why;
}

}  // namespace

Result<Child> start_planned(const PlannedChild& options) {
  std::array<int, 2> go{}, errors{};
  if (pipe2(go.data(), O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd go_read(go[0]), go_write(go[1]);
  if (pipe2(errors.data(), O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd error_read(errors[0]), error_write(errors[1]);
  std::vector<char*> argv = pointers(options.argv);
  std::vector<char*> env = pointers(options.env);
  Prepared prepared{&options, argv.data(), env.data(), go_read.get(), error_write.get()};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int pidfd = -1;
  pid_t pid = clone_child(options.cgroup_fd, &pidfd);
  if (pid == 0) {
    close(go_write.get());  // else the agent's death would not be seen
    child_main(prepared);
  }
  int clone_errno = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return clone_error(clone_errno);
  Child child(pid, Fd(pidfd));
  error_write.reset();
  go_read.reset();
  Status mapped = write_id_map(pid, options.ids);
  if (mapped.ok()) mapped = write_all(go_write.get(), "x", "a pipe");
  go_write.reset();
  Failure failure;
  ssize_t n = 0;
  do n = read(error_read.get(), &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (mapped.ok() && n == 0) return child;
  child.wait();
  if (!mapped.ok()) return mapped.error();
  if (failure.step < 0) return errno_error(failure.error, "run " + options.argv[0]);
  return errno_error(failure.error, options.plan->describe(failure.step));
}

}  // namespace baton
