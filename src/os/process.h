// Child processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace baton {

struct ExitStatus {
  int code = 0;    // exit code, when signal is 0
  int signal = 0;  // the signal that ended it, or 0
  bool success() const { return code == 0 && signal == 0; }
  // What a shell would give: the code, or 128 + signal.
  int shell_code() const { return signal ? 128 + signal : code; }
};

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH unless it has a slash
  std::optional<std::vector<std::string>> env;  // "K=V"; none: this process's own
  std::string cwd;                              // "": this process's own
  int stdin_fd = -1;                            // -1: /dev/null
  int stdout_fd = -1;                           // -1: inherited
  int stderr_fd = -1;                           // -1: inherited
  std::vector<std::pair<int, int>> keep;        // (fd here, fd number in the child)
  bool new_session = false;                     // setsid(2)
  bool new_group = false;       // own process group, so that a terminal's Ctrl-C spares it
  int parent_death_signal = 0;  // PR_SET_PDEATHSIG; 0: none
};

// A running child. Not thread-safe. Destroying it neither waits nor kills.
class Child {
 public:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid() const { return pid_; }
  // Readable when the child has ended (pidfd_open(2)); -1 where the kernel (before 5.3) has none.
  int pidfd() const { return pidfd_.get(); }
  // Waits at most `timeout_ms` (-1: for ever); none when it is still running.
  std::optional<ExitStatus> wait(int64_t timeout_ms = -1);
  // Sends a signal; an ended child is success.
  void kill(int signal);

 private:
  pid_t pid_;
  Fd pidfd_;
  std::optional<ExitStatus> ended_;
};

// Opens /dev/null where stdin, stdout or stderr is closed: else the next file that is opened would
// become it, and get what is printed. To be called first.
void open_standard_streams();

// Starts a child with a clean signal state (all handlers default, nothing blocked) and only
// stdin/stdout/stderr and `keep` open. Error when the program cannot be executed.
Result<Child> spawn(const SpawnOptions& options);

struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};
// Runs to the end, collecting at most `limit` bytes of each stream; kills it after `timeout_ms`
// (then Code::transient). What it leaves running is not waited for, though it hold the streams.
Result<Output> run_command(SpawnOptions options, int64_t timeout_ms, const std::string& input = "",
                           size_t limit = 16 << 20);
// Runs to the end, handing each line of output (both streams) to `line` as it comes.
Result<ExitStatus> run_lines(SpawnOptions options,
                             const std::function<void(const std::string&)>& line);

// Full path of a program in PATH (and /usr/sbin, /sbin), or none.
std::optional<std::string> find_program(const std::string& name);

// Absolute path of the running program's file.
Result<std::string> self_path();

// This machine's boot, from /proc/sys/kernel/random/boot_id; "" where there is none.
std::string boot_id();
// This installation's id, from /etc/machine-id, hashed as machine-id(5) asks for; "" where there is
// none, and inside containers, which share what their image or the machine says.
std::string machine_id();
// Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), to tell a pid
// from its re-use; none when there is no such process.
std::optional<uint64_t> process_start_time(pid_t pid);
// Whether the process with this number and start time has surely ended. False where nothing can be
// known, as without descriptors or where /proc hides the processes of others.
bool process_is_gone(pid_t pid, uint64_t start_time);

}  // namespace baton
