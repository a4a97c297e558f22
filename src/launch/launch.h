// Launcher: hands a job to a target. It only starts `baton agent JOB` somewhere; all else is the
// agent's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/process.h"

namespace baton {

struct LaunchRequest {
  std::string job;
  std::string store;                                         // URL or path
  std::string home;                                          // $BATON_HOME
  std::vector<std::pair<std::string, std::string>> secrets;  // passed in the environment only
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual std::string name() const = 0;
  // Returns once the target has taken the job over; it then survives this process. The text tells
  // where it runs.
  virtual Result<std::string> launch(const LaunchRequest& request) = 0;
};

// HOME/run/<job>.log
std::string agent_log(const std::string& home, const std::string& job);

// Starts `baton agent` on this machine as a process of its own session, output in agent_log().
Result<Child> start_local_agent(const std::string& self_path, const LaunchRequest& request);

// This machine, by start_local_agent().
std::unique_ptr<Launcher> make_local_launcher(const std::string& self_path);

}  // namespace baton
