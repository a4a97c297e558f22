// TrialRunner: the agents of a sweep's trials, as the driver sees them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "launch/launch.h"

namespace baton {

class TrialRunner {
 public:
  struct News {
    std::vector<uint64_t> ended;  // trials whose agents are gone
    bool stop = false;            // Ctrl-C, or the terminal was closed: stop the sweep
    bool hung_up = false;         // with stop: it was the terminal
    bool leave = false;           // SIGTERM: this machine goes, hand everything over
  };
  virtual ~TrialRunner() = default;
  // Starts an agent for the trial's job; it survives this process.
  virtual Status start(uint64_t trial, const std::string& job) = 0;
  // Watches an agent of this machine that an earlier driver started. Code::not_found: it is gone.
  virtual Status adopt(uint64_t trial, int64_t pid, uint64_t pid_start) = 0;
  // Asks all agents to commit and end their jobs as stopped (as this process was: Ctrl-C, or the
  // terminal was closed), or to hand them over (SIGTERM).
  virtual void stop_all() = 0;
  virtual void release_all() = 0;
  // Where the agent of a job writes what it has to say.
  virtual std::string log_path(const std::string& job) const = 0;
  // Waits until there are news, at most so long.
  virtual Result<News> wait(int64_t timeout_ms) = 0;
};

// `baton agent` processes of this machine. `signals` reads SIGINT, SIGTERM and SIGHUP
// (open_signal_fd). `request.job` is filled in for each.
std::unique_ptr<TrialRunner> make_trial_agents(const std::string& self_path,
                                               const LaunchRequest& request, int signals);

}  // namespace baton
