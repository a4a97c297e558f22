#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "control/trial_runner.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

class TrialAgents : public TrialRunner {
 public:
  TrialAgents(std::string self_path, LaunchRequest request, int signals)
      : self_path_(std::move(self_path)), request_(std::move(request)), signals_(signals) {}

  Status start(uint64_t trial, const std::string& job) override {
    LaunchRequest request = request_;
    request.job = job;
    BATON_ASSIGN(Child child, start_local_agent(self_path_, request));
    agents_.insert_or_assign(trial, Agent{std::move(child), true});
    return {};
  }

  Status adopt(uint64_t trial, int64_t pid, uint64_t pid_start) override {
    auto process = static_cast<pid_t>(pid);
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    // The descriptor is of whoever has the number now; only then is the start time's word good.
    if (!pidfd.valid() || process_start_time(process) != pid_start)
      return Error{Code::not_found, "the agent is gone", ""};
    agents_.insert_or_assign(trial, Agent{Child(process, std::move(pidfd)), false});
    return {};
  }

  void stop_all() override { signal_all(stopped_by_); }
  void release_all() override { signal_all(SIGTERM); }

  std::string log_path(const std::string& job) const override {
    return agent_log(request_.home, job);
  }

  Result<News> wait(int64_t timeout_ms) override {
    std::vector<pollfd> fds;
    std::vector<uint64_t> trials;
    if (signals_ >= 0) fds.push_back({signals_, POLLIN, 0});
    const size_t first = fds.size();
    for (const auto& [trial, agent] : agents_) {
      fds.push_back({agent.child.pidfd(), POLLIN, 0});
      trials.push_back(trial);
    }
    if (poll(fds.data(), fds.size(), static_cast<int>(timeout_ms)) < 0 && errno != EINTR)
      return errno_error(errno, "wait for agents");
    News news;
    read_signals(news);
    for (size_t i = 0; i < trials.size(); ++i)
      if (fds[first + i].revents != 0 && has_ended(trials[i])) news.ended.push_back(trials[i]);
    for (uint64_t trial : news.ended) agents_.erase(trial);
    return news;
  }

 private:
  struct Agent {
    Child child;
    bool ours = true;  // a child of this process, to be waited for
  };

  void signal_all(int number) {
    for (auto& [trial, agent] : agents_) {
      // By descriptor: an adopted agent's number may be somebody else's by now.
      syscall(SYS_pidfd_send_signal, agent.child.pidfd(), number, nullptr, 0);
    }
  }

  // A descriptor of a process reads as soon as it has ended.
  bool has_ended(uint64_t trial) {
    Agent& agent = agents_.at(trial);
    return !agent.ours || agent.child.wait(0).has_value();
  }

  void read_signals(News& news) {
    signalfd_siginfo info{};
    while (signals_ >= 0 && ::read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGTERM) {
        news.leave = true;
        continue;
      }
      stopped_by_ = info.ssi_signo == SIGHUP ? SIGHUP : SIGINT;
      news.stop = true;
      news.hung_up = stopped_by_ == SIGHUP;
    }
  }

  const std::string self_path_;
  const LaunchRequest request_;
  const int signals_;
  int stopped_by_ = SIGINT;
  std::map<uint64_t, Agent> agents_;
};

}  // namespace

std::unique_ptr<TrialRunner> make_trial_agents(const std::string& self_path,
                                               const LaunchRequest& request, int signals) {
  return std::make_unique<TrialAgents>(self_path, request, signals);
}

}  // namespace baton
