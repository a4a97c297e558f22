// "baton pid1 [--process] [--cwd DIR] -- ARGV": see engine/control.h for the line on descriptor 3.
// "baton pid1 --nothing": success, for trying out whether containers work.
// "baton pid1 --remove DIR": rm -rf, for use in a user namespace (engine/user_namespace.h).
//
// As PID 1 of a namespace, its own end is everybody's end (pid_namespaces(7)). With --process there
// is no namespace: it is a child subreaper and hunts its descendants down instead. Nothing here may
// need more than the C library: it runs in images that are empty, and it must start at once.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/control.h"
#include "engine/engine.h"
#include "os/files.h"

namespace baton {
namespace {

struct Supervisor {
  bool process_mode = false;
  const char* cwd = nullptr;
  char** argv = nullptr;
  pid_t program = -1;
  int last_forwarded = 0;
  bool ended = false;
  ExitStatus status;
  // Where a shell stands in front: what it ran when both were signalled, and how that ended.
  pid_t behind = -1;
  bool behind_ended = false;
  ExitStatus behind_status;
};

bool make_directories(const char* path) {
  if (mkdir(path, 0755) == 0 || errno == EEXIST) return true;
  if (errno != ENOENT) return false;
  char parent[4096];
  if (snprintf(parent, sizeof parent, "%s", path) >= static_cast<int>(sizeof parent)) return false;
  char* slash = strrchr(parent, '/');
  if (!slash || slash == parent) return false;
  *slash = '\0';
  return make_directories(parent) && (mkdir(path, 0755) == 0 || errno == EEXIST);
}

// What a shell does and answers: 127 for a program that is not there, 126 for one that cannot run.
[[noreturn]] void run_program(const Supervisor& self) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  setsid();
  if (self.process_mode) prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(kProgramOut, 1);
  dup2(kProgramErr, 2);
  if (self.cwd && (!make_directories(self.cwd) || chdir(self.cwd) != 0)) {
    dprintf(2, "baton: cannot enter the working directory %s: %s\n", self.cwd, strerror(errno));
    _exit(126);
  }
  execvp(self.argv[0], self.argv);
  int error = errno;
  dprintf(2, "baton: cannot run %s: %s\n", self.argv[0], strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

// Up to `room` processes whose parent is `parent`; the number found.
size_t list_children(pid_t parent, pid_t* children, size_t room) {
  DIR* proc = opendir("/proc");
  if (!proc) return 0;
  size_t found = 0;
  while (const dirent* entry = found < room ? readdir(proc) : nullptr) {
    int pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char* name_end = strrchr(text, ')');  // the name may hold spaces and parentheses
    int its_parent = 0;
    if (name_end && sscanf(name_end + 1, " %*c %d", &its_parent) == 1 && its_parent == parent)
      children[found++] = pid;
  }
  closedir(proc);
  return found;
}

// True when there was a child to kill.
bool kill_children() {
  pid_t children[64];
  size_t count = list_children(getpid(), children, 64);
  for (size_t i = 0; i < count; ++i) kill(children[i], SIGKILL);
  return count > 0;
}

// The children of a killed process become ours (PR_SET_CHILD_SUBREAPER) and are next.
void kill_descendants() {
  while (kill_children() && waitpid(-1, nullptr, 0) > 0)
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

[[noreturn]] void end_everything(const Supervisor& self) {
  char text[32];
  int length = snprintf(text, sizeof text, "exit %d %d", self.status.code, self.status.signal);
  (void)send(kControlFd, text, static_cast<size_t>(length), MSG_NOSIGNAL);
  if (self.process_mode) kill_descendants();
  _exit(self.status.shell_code());
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

void reap(Supervisor& self) {
  int status = 0;
  pid_t pid = 0;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == self.program) {
      self.ended = true;
      self.status = decode(status);
    } else if (pid == self.behind) {
      self.behind_ended = true;
      self.behind_status = decode(status);
    }
  }
  if (!self.ended) return;
  // A shell that a forwarded signal ended leaves the real program behind, which may still be saving
  // its work; it gets to finish, until the agent's patience ends, and how it ends is what counts.
  bool helpers_left = pid == 0;
  bool shell_gave_way = self.last_forwarded && self.status.signal == self.last_forwarded;
  if (helpers_left && shell_gave_way) return;
  if (shell_gave_way && self.behind_ended) self.status = self.behind_status;
  end_everything(self);
}

// True for "/bin/sh -c …" while it is that: some shells make way for the last command (exec), and
// then it is the program's own children that would be found.
bool is_shell_command(pid_t pid) {
  static constexpr char kShell[] = "/bin/sh\0-c";  // with the NUL at its end
  char path[64];
  char text[sizeof kShell];
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text);
  close(fd);
  return n == static_cast<ssize_t>(sizeof text) && memcmp(text, kShell, sizeof text) == 0;
}

// What a descriptor of a process is, as "pipe:[4711]"; false for what is no pipe.
bool pipe_of(pid_t pid, int fd, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
  ssize_t n = readlink(path, text, size - 1);
  text[n > 0 ? n : 0] = '\0';
  return strncmp(text, "pipe:", 5) == 0;
}

// Whether `child` reads what one of the others writes: in `train | tee log` that is tee, which ends
// by itself once train has, and without which train could say nothing more.
bool reads_from_another(pid_t child, const pid_t* children, size_t count) {
  char in[64], out[64];
  if (!pipe_of(child, 0, in, sizeof in)) return false;
  for (size_t i = 0; i < count; ++i)
    for (int fd : {1, 2})
      if (children[i] != child && pipe_of(children[i], fd, out, sizeof out) && strcmp(in, out) == 0)
        return true;
  return false;
}

// To the program alone: helpers that it has started, such as the workers of a data loader, must not
// die while it is still saving. Of a text command the shell in front is told, and what it runs.
void forward(Supervisor& self, int signal) {
  if (self.ended) {  // the shell gave way before; its pid may be another's by now
    if (self.behind > 0 && !self.behind_ended) kill(self.behind, signal);
    return;
  }
  self.last_forwarded = signal;
  pid_t children[64];
  // Listed before the shell dies, and told after it: otherwise it would go on with its next
  // command.
  size_t count = is_shell_command(self.program) ? list_children(self.program, children, 64) : 0;
  // Of a pipeline the first one, which is what the others wait for.
  size_t told = 0;
  for (size_t i = 0; i < count; ++i)
    if (!reads_from_another(children[i], children, count)) children[told++] = children[i];
  kill(self.program, signal);
  for (size_t i = 0; i < told; ++i) {
    kill(children[i], signal);
    if (children[i] > self.behind) self.behind = children[i];
  }
}

void obey(Supervisor& self) {
  char text[64];
  ssize_t n = recv(kControlFd, text, sizeof text - 1, 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  text[n > 0 ? n : 0] = '\0';
  int signal = 0;
  if (sscanf(text, "signal %d", &signal) == 1) {
    forward(self, signal);
    return;
  }
  // "kill", or the agent is gone.
  if (!self.ended) self.status = {0, SIGKILL};
  end_everything(self);
}

bool parse(int argc, char** argv, Supervisor& self) {
  int i = 0;
  for (; i < argc && strcmp(argv[i], "--") != 0; ++i) {
    if (strcmp(argv[i], "--process") == 0)
      self.process_mode = true;
    else if (strcmp(argv[i], "--cwd") == 0 && i + 1 < argc)
      self.cwd = argv[++i];
  }
  self.argv = argv + i + 1;
  return i + 1 < argc;
}

}  // namespace

int run_pid1(int argc, char** argv) {
  if (argc == 1 && strcmp(argv[0], "--nothing") == 0) return 0;
  if (argc == 2 && strcmp(argv[0], "--remove") == 0) return remove_tree(argv[1]).ok() ? 0 : 1;
  Supervisor self;
  if (!parse(argc, argv, self)) {
    fputs("baton pid1 is started by baton itself: baton pid1 [--cwd DIR] -- COMMAND\n", stderr);
    return 2;
  }
  prctl(PR_SET_NAME, "baton-pid1");
  prctl(PR_SET_DUMPABLE, 0);  // the program must not trace its way into its supervisor
  if (self.process_mode) prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int fd : {kControlFd, kProgramOut, kProgramErr}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0 || send(kControlFd, "ready", 5, MSG_NOSIGNAL) < 0) return 125;
  self.program = fork();
  if (self.program == 0) run_program(self);
  if (self.program < 0) {
    dprintf(kProgramErr, "baton: cannot start a process: %s\n", strerror(errno));
    self.status = {126, 0};
    end_everything(self);
  }
  close(kProgramOut);
  close(kProgramErr);
  while (true) {
    pollfd entries[2] = {{kControlFd, POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(entries, 2, -1) < 0) continue;
    if (entries[1].revents) {
      signalfd_siginfo info;
      while (read(signals, &info, sizeof info) > 0) {
      }
      reap(self);
    }
    if (entries[0].revents) obey(self);
  }
}

}  // namespace baton
