// A running container whose PID 1 is "baton pid1": what the oci and the process engine have in
// common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/control.h"
#include "engine/engine.h"
#include "os/process.h"

namespace baton {

class Supervised : public Container {
 public:
  ~Supervised() override;
  int exit_fd() const override { return runner_ ? runner_->pidfd() : -1; }
  std::optional<ContainerExit> wait(int64_t timeout_ms) override;
  Status signal(int signal) override;
  Status kill() override;
  std::vector<pid_t> pids() override;

 protected:
  explicit Supervised(Control control) : control_(std::move(control)) {}
  // Takes over the process whose end is the container's end (the runtime, or PID 1 itself), and
  // waits until PID 1 is ready. False when the runner ended instead, or on `timeout_ms`.
  bool watch(Child runner, int64_t timeout_ms);
  // The runner is gone and PID 1 with it; what the kernel counted can still be read.
  virtual void measure(ContainerExit&) {}
  // Kills what still runs and waits for it. Derived classes call it first in their destructors.
  void end();
  bool running() const { return runner_ && !ended_; }

 private:
  void finish();
  Control control_;
  std::optional<Child> runner_;
  Fd init_;  // pidfd of PID 1, where it is not the runner
  pid_t init_pid_ = -1;
  std::optional<ContainerExit> ended_;
};

}  // namespace baton
