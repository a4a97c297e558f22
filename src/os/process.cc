#include "os/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/files.h"

namespace baton {
namespace {

// Runs in the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void exec_child(const SpawnOptions& options, const char* path, char* const* argv,
                             char* const* envp, int error_fd, pid_t parent) {
  auto fail = [&] {
    int error = errno;
    ssize_t ignored = ::write(error_fd, &error, sizeof error);
    (void)ignored;
    _exit(127);
  };
  for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (options.new_session)
    setsid();
  else if (options.new_group)
    setpgid(0, 0);
  if (options.parent_death_signal) {
    prctl(PR_SET_PDEATHSIG, options.parent_death_signal);
    if (getppid() != parent) _exit(127);
  }
  if (!options.cwd.empty() && chdir(options.cwd.c_str()) != 0) fail();
  int in = options.stdin_fd >= 0 ? options.stdin_fd : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // Sources move above every target number first, so that no dup2 overwrites a later source.
  int high = 64;
  for (const auto& [from, to] : options.keep) high = to >= high ? to + 1 : high;
  int out = fcntl(options.stdout_fd >= 0 ? options.stdout_fd : 1, F_DUPFD_CLOEXEC, high);
  int err = fcntl(options.stderr_fd >= 0 ? options.stderr_fd : 2, F_DUPFD_CLOEXEC, high);
  in = fcntl(in, F_DUPFD_CLOEXEC, high);
  int error_high = fcntl(error_fd, F_DUPFD_CLOEXEC, high);
  if (error_high >= 0) error_fd = error_high;
  int kept[16];
  size_t count = 0;
  for (const auto& pair : options.keep)
    if (count < 16) kept[count++] = fcntl(pair.first, F_DUPFD_CLOEXEC, high);
  dup2(in, 0);
  if (out >= 0) dup2(out, 1);
  if (err >= 0) dup2(err, 2);
  for (size_t i = 0; i < count; ++i) dup2(kept[i], options.keep[i].second);
  // Everything else of ours is O_CLOEXEC; descriptors inherited from our own parent need not be.
  for (int fd = 3; fd < high; ++fd) {
    bool wanted = false;
    for (size_t i = 0; i < count; ++i) wanted = wanted || options.keep[i].second == fd;
    if (!wanted && fd != error_fd) close(fd);
  }
  execve(path, argv, envp);
  fail();
  _exit(127);
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  std::string dirs = std::string(path ? path : "/usr/local/bin:/usr/bin:/bin") + ":/usr/sbin:/sbin";
  for (const auto& dir : split(dirs, ':')) {
    std::string candidate = join_path(dir.empty() ? "." : dir, name);
    if (access(candidate.c_str(), X_OK) == 0 && !is_directory(candidate)) return candidate;
  }
  return std::nullopt;
}

void open_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", O_RDWR);  // takes the lowest: this one
}

Result<Child> spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return Error{Code::invalid, "there is no command to run", ""};
  auto program = find_program(options.argv[0]);
  if (!program)
    return Error{Code::not_found, fmt::format("program {} was not found", options.argv[0]),
                 "install it, or check PATH"};
  std::vector<char*> argv;
  for (const auto& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> env;
  if (options.env)
    for (const auto& pair : *options.env) env.push_back(const_cast<char*>(pair.c_str()));
  env.push_back(nullptr);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd read_end(pipe_fds[0]), write_end(pipe_fds[1]);
  pid_t parent = getpid();
  // No handler of ours may run in the child before exec.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t pid = fork();
  if (pid == 0)
    exec_child(options, program->c_str(), argv.data(), options.env ? env.data() : environ,
               write_end.get(), parent);
  int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return errno_error(fork_error, "start " + options.argv[0]);
  write_end.reset();
  int child_error = 0;
  ssize_t n;
  do n = ::read(read_end.get(), &child_error, sizeof child_error);
  while (n < 0 && errno == EINTR);
  if (n == sizeof child_error) {
    waitpid(pid, nullptr, 0);
    return errno_error(child_error, "start " + options.argv[0]);
  }
  return Child(pid, Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
}

std::optional<ExitStatus> Child::wait(int64_t timeout_ms) {
  if (ended_) return ended_;
  SystemClock clock;
  int64_t deadline = clock.mono_ms() + timeout_ms;
  while (true) {
    int status = 0;
    pid_t n = waitpid(pid_, &status, timeout_ms < 0 && pidfd_.get() < 0 ? 0 : WNOHANG);
    if (n == pid_) {
      ended_ = WIFSIGNALED(status) ? ExitStatus{0, WTERMSIG(status)}
                                   : ExitStatus{WEXITSTATUS(status), 0};
      return ended_;
    }
    if (n < 0 && errno == ECHILD)
      return ended_ = ExitStatus{255, 0};  // reaped elsewhere: its status is lost
    int64_t left = timeout_ms < 0 ? 1000 : deadline - clock.mono_ms();
    if (left <= 0) return std::nullopt;
    if (pidfd_.valid()) {
      pollfd entry{pidfd_.get(), POLLIN, 0};
      poll(&entry, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    } else {
      clock.sleep_ms(std::min<int64_t>(left, 5));
    }
  }
}

void Child::kill(int signal) {
  if (ended_) return;
  if (pidfd_.valid())
    syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
  else
    ::kill(pid_, signal);
}

namespace {
constexpr int64_t kDrainMs = 200;  // for what a child that has ended has written
}

Result<Output> run_command(SpawnOptions options, int64_t timeout_ms, const std::string& input,
                           size_t limit) {
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd in_read(in[0]), in_write(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd out_read(out[0]), out_write(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd err_read(err[0]), err_write(err[1]);
  if (options.stdin_fd < 0) options.stdin_fd = in_read.get();
  options.stdout_fd = out_write.get();
  options.stderr_fd = err_write.get();
  BATON_ASSIGN(Child child, spawn(options));
  in_read.reset();
  out_write.reset();
  err_write.reset();
  fcntl(in_write.get(), F_SETFL, O_NONBLOCK);
  // A child that ends without reading all its input must not kill us with SIGPIPE.
  sigset_t pipe_set, old;
  sigemptyset(&pipe_set);
  sigaddset(&pipe_set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
  Output output;
  SystemClock clock;
  int64_t deadline = clock.mono_ms() + timeout_ms;
  size_t sent = 0;
  if (input.empty()) in_write.reset();
  // What the child has left running may hold the streams open: its own end counts.
  int64_t ended_at = -1;
  while (out_read.valid() || err_read.valid()) {
    pollfd entries[4] = {{out_read.get(), POLLIN, 0},
                         {err_read.get(), POLLIN, 0},
                         {in_write.get(), POLLOUT, 0},
                         {ended_at < 0 ? child.pidfd() : -1, POLLIN, 0}};
    const int64_t now = clock.mono_ms();
    if (ended_at < 0 && child.wait(0)) ended_at = now;
    int64_t left = timeout_ms < 0 ? 1000 : deadline - now;
    if (ended_at >= 0) left = std::min(left, ended_at + kDrainMs - now);
    if (left <= 0) break;
    poll(entries, 4, static_cast<int>(std::min<int64_t>(left, 1000)));
    auto drain = [&](pollfd& entry, Fd& fd, std::string& into) {
      if (!(entry.revents & (POLLIN | POLLHUP | POLLERR))) return;
      char buffer[65536];
      ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
      if (n > 0)
        into.append(buffer, std::min(static_cast<size_t>(n), limit - std::min(limit, into.size())));
      else if (n == 0 || errno != EINTR)
        fd.reset();
    };
    drain(entries[0], out_read, output.out);
    drain(entries[1], err_read, output.err);
    if (in_write.valid() && entries[2].revents) {
      ssize_t n = ::write(in_write.get(), input.data() + sent, input.size() - sent);
      if (n > 0) sent += static_cast<size_t>(n);
      if (sent == input.size() || (n < 0 && errno != EAGAIN && errno != EINTR)) in_write.reset();
    }
  }
  timespec zero{};
  while (sigtimedwait(&pipe_set, nullptr, &zero) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  const int64_t left = std::max<int64_t>(0, deadline - clock.mono_ms());
  auto status = child.wait(timeout_ms < 0 ? -1 : left);
  if (!status) {
    child.kill(SIGKILL);
    child.wait();
    return Error{
        Code::transient,
        fmt::format("{} did not end within {}", options.argv[0], human_duration_ms(timeout_ms)),
        ""};
  }
  output.status = *status;
  return output;
}

Result<ExitStatus> run_lines(SpawnOptions options,
                             const std::function<void(const std::string&)>& line) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd read_end(out[0]), write_end(out[1]);
  options.stdout_fd = options.stderr_fd = write_end.get();
  BATON_ASSIGN(Child child, spawn(options));
  write_end.reset();
  std::string pending;
  char buffer[65536];
  while (true) {
    ssize_t n = ::read(read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    pending.append(buffer, static_cast<size_t>(n));
    size_t end;
    while ((end = pending.find_first_of("\n\r")) != std::string::npos) {
      if (end > 0) line(pending.substr(0, end));
      pending.erase(0, end + 1);
    }
    if (pending.size() > (1 << 20)) pending.clear();
  }
  if (!pending.empty()) line(pending);
  return child.wait().value_or(ExitStatus{255, 0});
}

Result<std::string> self_path() {
  std::string path(4096, '\0');  // PATH_MAX, the most that the kernel gives
  ssize_t n = readlink("/proc/self/exe", path.data(), path.size());
  if (n < 0) return errno_error(errno, "find this program's own file (/proc/self/exe)");
  path.resize(static_cast<size_t>(n));
  return path;
}

std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 256);
  return text.ok() ? std::string(trim(*text)) : "";
}

std::string machine_id() {
  struct stat info {};
  constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, Linux since 3.8
  if (stat("/proc/self/ns/pid", &info) != 0 || info.st_ino != kFirstPidNamespace) return "";
  auto text = read_file("/etc/machine-id", 256);
  std::string id = text.ok() ? std::string(trim(*text)) : "";
  return id.size() == 32 ? sha256_hex("baton machine " + id).substr(0, 32) : "";
}

namespace {

// Of the text of /proc/PID/stat; none of a zombie.
std::optional<uint64_t> start_time_in(const std::string& text) {
  size_t paren = text.rfind(')');  // the name before it may hold spaces and parentheses
  if (paren == std::string::npos) return std::nullopt;
  auto fields = split(std::string_view(text).substr(std::min(paren + 2, text.size())), ' ');
  if (fields.size() < 20 || fields[0] == "Z") return std::nullopt;
  return std::strtoull(fields[19].c_str(), nullptr, 10);
}

}  // namespace

std::optional<uint64_t> process_start_time(pid_t pid) {
  auto text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  return text.ok() ? start_time_in(*text) : std::nullopt;
}

bool process_is_gone(pid_t pid, uint64_t start_time) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  auto text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  return text.ok() && start_time_in(*text) != start_time;
}

}  // namespace baton
