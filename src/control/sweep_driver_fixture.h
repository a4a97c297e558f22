// The driver on a store in memory, with agents that do at once what an agent leaves in the store.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "base/ids.h"
#include "control/requests.h"
#include "control/sweep_driver.h"

namespace baton {

inline constexpr const char* kRandomSpec =
    "name: s\ncommand: p ${x}\nsweep:\n  metric: loss\n  method: random\n  trials: 6\n  parallel: "
    "2\n"
    "  parameters: {x: {min: 0, max: 1}}\n";

// Runs a job when the driver waits; `outcome` decides how it ends.
class FakeAgents : public TrialRunner {
 public:
  FakeAgents(Ledger& ledger, Clock& clock) : ledger_(ledger), clock_(clock) {}
  Status start(uint64_t trial, const std::string& job) override {
    ++starts[job];
    waiting_.emplace_back(trial, job);
    most = std::max(most, waiting_.size());
    return {};
  }
  Status adopt(uint64_t, int64_t, uint64_t) override { return Error{Code::not_found, "", ""}; }
  std::string log_path(const std::string& job) const override { return "/logs/" + job; }
  void stop_all() override {}
  void release_all() override { waiting_.clear(); }
  Result<News> wait(int64_t timeout_ms) override {
    News news;
    std::swap(news, first_news);
    if (waiting_.empty() || news.stop || timeout_ms == 0) return news;
    auto [trial, job] = waiting_.front();
    waiting_.pop_front();
    run(trial, job);
    news.ended = {trial};
    return news;
  }

  std::map<std::string, int> starts;
  size_t most = 0;
  // For the n-th start of a trial: the outcome, and the line that its program reports.
  std::function<Outcome(uint64_t trial, int start)> outcome = [](uint64_t, int) {
    return Outcome::succeeded;
  };
  News first_news;  // what the first wait() gives, beside trials that ended
  std::string name = "loss";
  // What the program of a trial with this parameter reports, one value a step.
  std::function<std::vector<std::string>(uint64_t trial, const std::string& x)> values =
      [](uint64_t, const std::string& x) { return std::vector<std::string>{x}; };

 private:
  void run(uint64_t trial, const std::string& job) {
    auto history = ledger_.open(job);
    ASSERT_TRUE(history.ok()) << history.error().message;
    if (is_final(history->summary().state)) return;  // stopped before an agent claimed it
    auto accept = [](const Summary&) { return Status(); };
    Event event;
    event.type = EventType::claimed;
    event.attempt = history->summary().attempt + 1;
    event.agent = new_nonce();
    ASSERT_TRUE(history->append(event, clock_.wall_ms(), accept).ok());
    std::string x = param_text(history->job().spec.params.back().second);
    std::string lines;
    int step = 0;
    for (const auto& value : values(trial, x))
      lines += "{\"step\": " + std::to_string(++step) + ", \"" + name + "\": " + value + "}\n";
    ASSERT_TRUE(ledger_.append_stream(job, "metrics", event.attempt, 0, lines).ok());
    Event ended;
    ended.type = EventType::ended;
    ended.attempt = event.attempt;
    ended.outcome = outcome(trial, starts[job]);
    if (ended.outcome == Outcome::stopped) {
      ASSERT_TRUE(request_stop(ledger_, *history, "stopped by its sweep").ok());
    }
    ended.ran_ms = 5;
    ASSERT_TRUE(history->append(ended, clock_.wall_ms(), accept).ok());
  }

  Ledger& ledger_;
  Clock& clock_;
  std::deque<std::pair<uint64_t, std::string>> waiting_;
};

class NoView : public SweepView {
 public:
  void event(const SweepEvent&, const SweepState&) override {}
  void tick(const SweepState&, size_t) override {}
  void tell(const std::string& line) override { told.push_back(line); }
  std::vector<std::string> told;
};

class Driver : public testing::Test {
 protected:
  void SetUp() override {
    clock_.set_auto_advance(true);
    begin(kRandomSpec);
  }
  void begin(const std::string& spec) {
    sweep_.base.spec = *parse_spec(spec, "s.yaml", {});
    sweep_.base.id = new_job_id(clock_.wall_ms());
    sweep_.base.nonce = new_nonce();
    sweep_.base.argv = {"/bin/sh", "-c", "p ${x}"};
    ASSERT_TRUE(sweeps_.add_sweep(sweep_).ok());
    ASSERT_TRUE(sweeps_.add_created(sweep_, "").ok());
  }
  Result<SweepEnd> drive(const std::optional<SweepEvent>& resume = std::nullopt) {
    SweepParts parts{sweeps_, ledger_, clock_, agents_, view_, identity(), 8, {}};
    return SweepDriver(parts).run(sweep_.base.id, resume);
  }
  static AgentIdentity identity() {
    AgentIdentity self;
    self.agent = new_nonce();
    self.host = "here";
    self.boot = "boot " + self.agent;  // as on another machine: judged by its heartbeat
    return self;
  }
  // What the optimiser knows of a trial that it asked for.
  Json known(uint64_t trial) {
    Json tuner = sweeps_.read_tuner(sweep_.base.id)->tuner["tuner"];
    if (tuner.contains("tuner")) tuner = tuner["tuner"];
    return tuner["trials"][state().trial(trial).ask - 1];
  }
  SweepState state() {
    auto history = sweeps_.open(sweep_.base.id);
    EXPECT_TRUE(history.ok());
    return history->state();
  }

  ManualClock clock_;
  std::unique_ptr<ObjectStore> store_ = make_mem_store();
  Ledger ledger_{*store_, clock_};
  SweepLedger sweeps_{*store_, clock_};
  FakeAgents agents_{ledger_, clock_};
  NoView view_;
  Sweep sweep_;
};

}  // namespace baton
