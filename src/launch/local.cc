#include <fcntl.h>
#include <unistd.h>

#include "launch/launch.h"
#include "os/files.h"
#include "os/process.h"

extern char** environ;

namespace baton {
namespace {

// This process's environment with `changes` on top.
std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    std::string text = *entry;
    std::string name = text.substr(0, text.find('='));
    bool changed = false;
    for (const auto& change : changes) changed = changed || change.first == name;
    if (!changed) result.push_back(std::move(text));
  }
  for (const auto& [name, value] : changes) result.push_back(name + "=" + value);
  return result;
}

class LocalLauncher : public Launcher {
 public:
  explicit LocalLauncher(std::string self_path) : self_path_(std::move(self_path)) {}
  std::string name() const override { return "local"; }

  Result<std::string> launch(const LaunchRequest& request) override {
    BATON_ASSIGN(Child child, start_local_agent(self_path_, request));
    return "process " + std::to_string(child.pid()) + " on this machine, log " +
           agent_log(request.home, request.job);
  }

 private:
  std::string self_path_;
};

}  // namespace

std::string agent_log(const std::string& home, const std::string& job) {
  return join_path(join_path(home, "run"), job + ".log");
}

Result<Child> start_local_agent(const std::string& self_path, const LaunchRequest& request) {
  BATON_TRY(make_dirs(join_path(request.home, "run"), 0700));
  BATON_ASSIGN(
      Fd log, open_file(agent_log(request.home, request.job), O_WRONLY | O_CREAT | O_APPEND, 0600));
  auto changes = request.secrets;
  changes.emplace_back("BATON_HOME", request.home);
  SpawnOptions options;
  options.argv = {self_path, "agent", request.job, "--store", request.store};
  options.env = environment_with(changes);
  options.cwd = "/";  // so that it keeps no filesystem busy
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  options.new_session = true;
  return spawn(options);
}

std::unique_ptr<Launcher> make_local_launcher(const std::string& self_path) {
  return std::make_unique<LocalLauncher>(self_path);
}

}  // namespace baton
