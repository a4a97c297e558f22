// Containers that are threads of the test: a program is a function that sees the container's spec.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "os/clock.h"

namespace baton {

// What a fake program can do. Every call throws FakeKilled once the container is killed, which ends
// the program; let it pass.
class FakeProgram {
 public:
  virtual ~FakeProgram() = default;
  virtual const ContainerSpec& spec() const = 0;
  // The place on this machine of a path in the container ("/checkpoint/x"), through the spec's
  // mounts.
  virtual std::string path(const std::string& inside) const = 0;
  // To the program's streams.
  virtual void out(const std::string& text) = 0;
  virtual void err(const std::string& text) = 0;
  // Signals are queued; there is no default action. Waits on the engine's clock at most
  // `timeout_ms` (-1: for ever); 0: none came.
  virtual int wait_signal(int64_t timeout_ms = -1) = 0;
  // Time passes on the engine's clock. Signals do not wake it.
  virtual void sleep_ms(int64_t milliseconds) = 0;
};

struct FakeKilled {};

// Thread-safe.
class FakeEngine : public Engine {
 public:
  using Program = std::function<ExitStatus(FakeProgram&)>;
  // `clock` outlives the engine's containers.
  explicit FakeEngine(Clock& clock) : clock_(clock) {}

  // What containers started from now on run. Without it start() fails.
  void set_program(Program program);
  // The next start() gives this error.
  void fail_next_start(Error error);
  // What the containers that end from now on say beside their status.
  void set_measurements(bool oom_killed, uint64_t peak_memory);
  // The pids that containers started from now on claim.
  void set_pids(std::vector<pid_t> pids);
  void set_warnings(std::vector<std::string> warnings);
  // Every spec that was started, in order.
  std::vector<ContainerSpec> started() const;

  std::string name() const override { return "fake"; }
  Status check() override { return {}; }
  Status ready(const ContainerSpec&) override { return {}; }
  Json describe() override { return {{"engine", "fake"}}; }
  Result<std::unique_ptr<Container>> start(const ContainerSpec& spec) override;

 private:
  Clock& clock_;
  mutable std::mutex mutex_;
  Program program_;
  std::optional<Error> start_error_;
  ContainerExit measured_;
  std::vector<pid_t> pids_;
  std::vector<std::string> warnings_;
  std::vector<ContainerSpec> started_;
};

}  // namespace baton
