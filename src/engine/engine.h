// Engine: runs one container on this machine.
//
// docs/engines.md says what a container gets and what it may not do. Engines hold no state between
// calls; a container dies with the agent that started it, however the agent dies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "os/process.h"

namespace baton {

struct Mount {
  std::string source;       // absolute path on this machine
  std::string destination;  // absolute path in the container
  bool writable = false;
  bool throw_away = false;  // overlay: writes are seen inside and forgotten (for /app)
};

// A root filesystem: directories, lowest first, mounted read-only below a throw-away upper layer.
struct RootFs {
  std::vector<std::string> layers;
  bool host = false;  // the machine's own root: home directories hidden
  std::vector<std::string>
      hidden;  // with `host`: further directories that must not be seen inside ($BATON_HOME)
};

struct ContainerSpec {
  std::string id;        // unique on this machine: "<job>-<attempt>"
  std::string work_dir;  // existing private directory for the bundle and upper layers
  RootFs root;
  std::vector<Mount> mounts;
  std::vector<std::string> argv;  // run directly, no shell added here
  std::vector<std::pair<std::string, std::string>> env;
  std::string cwd = "/app";
  std::string hostname;
  std::string init_path;  // this binary on the host: bind-mounted at /baton/bin/baton, runs as PID
                          // 1 ("baton pid1")
  bool network = true;
  double cpus = 0;          // 0: no limit
  uint64_t memory = 0;      // bytes; 0: no limit
  int64_t pids = 0;         // 0: engine's default
  uint64_t shm = 64 << 20;  // bytes of /dev/shm
  std::vector<std::string>
      cdi_devices;  // fully qualified: "nvidia.com/gpu=0"; host GPUs by resources.gpus
  int gpus = 0;     // number of GPUs wanted; >0 picks free CDI devices of a *.com/gpu kind
  // Existing directory in which GPUs are reserved, by locks that end with the container or with
  // this process; "": they are not.
  std::string reservations;
  int stdout_fd = -1;  // where the program's streams go (pipes of the agent)
  int stderr_fd = -1;
};

struct ContainerExit {
  ExitStatus status;
  bool oom_killed = false;   // the kernel killed a process of it for memory
  uint64_t peak_memory = 0;  // bytes; 0: unknown
};

// A started container. Used from one thread.
class Container {
 public:
  virtual ~Container() = default;  // kills what still runs and removes mounts, cgroups and bundle
  // Readable when the container has ended.
  virtual int exit_fd() const = 0;
  virtual std::optional<ContainerExit> wait(int64_t timeout_ms) = 0;
  // To the program itself (not only to PID 1).
  virtual Status signal(int signal) = 0;
  // Every process in it, at once.
  virtual Status kill() = 0;
  // Host pids in the container, for looking at open files; may be empty where unknown.
  virtual std::vector<pid_t> pids() = 0;
  // Sentences for the user about what was asked for and could not be given (a limit without
  // cgroups).
  virtual std::vector<std::string> warnings() const { return {}; }
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  // Code::unsupported with what to install or to change when this machine cannot run it.
  virtual Status check() = 0;
  // What can be said in a moment, with nothing started and nothing changed, of whether start()
  // could give the spec's devices, and whether there is a runtime at all. Other members may be
  // empty.
  virtual Status ready(const ContainerSpec& spec) = 0;
  // JSON for `baton doctor`: runtime, version, cgroup version, rootless, limits that work here.
  virtual Json describe() = 0;
  virtual Result<std::unique_ptr<Container>> start(const ContainerSpec& spec) = 0;
};

// crun (or runc) directly, no daemon.
std::unique_ptr<Engine> make_oci_engine();
// The program as a plain child process: for use where baton already is in a container. Mounts
// become symlinks where possible and environment variables say where things are; no isolation is
// claimed.
std::unique_ptr<Engine> make_process_engine();

// Entry of PID 1 inside every container ("baton pid1 … -- ARGV"; argc and argv start after "pid1"):
// starts the program, forwards signals, reaps zombies, ends everything when the agent is gone
// (descriptor 3 closes), gives the program's status. Descriptors 4 and 5 become the program's
// stdout and stderr.
int run_pid1(int argc, char** argv);

// Undoes what a container of that id that died with its agent left behind (mounts, cgroups).
// Idempotent.
Status clean_up_container(const std::string& id, const std::string& work_dir);

}  // namespace baton
