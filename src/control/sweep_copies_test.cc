// How the driver replaces a member of pbt's population: on a store in memory.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "control/requests.h"
#include "control/sweep_driver_fixture.h"
#include "ledger/commits.h"
#include "ledger/ledger_test_support.h"
#include "ledger/start.h"

namespace baton {
namespace {

constexpr const char* kSpec =
    "name: s\ncommand: p ${x}\nsweep:\n  metric: loss\n  method: pbt\n  max_step: 2\n"
    "  parallel: 4\n  parameters: {x: {min: 0, max: 1}}\n";

Status always(const Summary&) { return {}; }

// Four trials report their first step, trial k the value k. When the last one has been stopped, the
// others have reported and committed their last step, which the driver has not read yet.
class Population : public TrialRunner {
 public:
  Population(Ledger& ledger, Clock& clock) : ledger_(ledger), clock_(clock) {}
  Status start(uint64_t trial, const std::string& job) override {
    jobs.emplace(trial, job);
    return {};
  }
  Status adopt(uint64_t, int64_t, uint64_t) override { return Error{Code::not_found, "", ""}; }
  std::string log_path(const std::string&) const override { return ""; }
  void stop_all() override {}
  void release_all() override {}
  Result<News> wait(int64_t timeout_ms) override {
    News news;
    if (jobs.size() < 4 || (rounds_ > 0 && timeout_ms == 0)) return news;
    ++rounds_;
    for (const auto& [trial, job] : jobs) {
      auto history = ledger_.open(job);
      EXPECT_TRUE(history.ok());
      if (rounds_ == 1) claim(*history);
      if (rounds_ == 1) step(*history, trial, 1);
      if (rounds_ == 2 && trial < 4) step(*history, trial, 2);
      if (rounds_ == 2 && trial == 4) end(*history, Outcome::stopped);
      if (rounds_ == 2 && trial == 4) news.ended = {4};
    }
    if (rounds_ > 2) {  // that is all there is to see: the machine goes, and its agents with it
      news.leave = true;
      for (const auto& [trial, job] : jobs)
        if (trial != 4) news.ended.push_back(trial);
    }
    return news;
  }
  std::map<uint64_t, std::string> jobs;

 private:
  void append(History& history, Event event) {
    event.attempt = 1;
    auto appended = history.append(event, clock_.wall_ms(), always);
    ASSERT_TRUE(appended.ok()) << appended.error().message;
  }
  void claim(History& history) {
    Event claimed;
    claimed.type = EventType::claimed;
    claimed.agent = new_nonce();
    append(history, claimed);
  }
  void end(History& history, Outcome outcome) {
    Event ended;
    ended.type = EventType::ended;
    ended.outcome = outcome;
    append(history, ended);
  }
  void step(History& history, uint64_t trial, int step) {
    const std::string line =
        "{\"step\": " + std::to_string(step) + ", \"loss\": " + std::to_string(trial) + "}\n";
    const uint64_t before = line.size() * static_cast<uint64_t>(step - 1);
    const std::string& job = history.job().id;
    ASSERT_TRUE(ledger_.append_stream(job, "metrics", 1, before, line).ok());
    auto captured =
        make_committer(ledger_.store(), job, 1)
            ->capture({}, static_cast<uint64_t>(step), before + line.size(), clock_.wall_ms(), {});
    ASSERT_TRUE(captured.ok()) << captured.error().message;
    Event committed;
    committed.type = EventType::committed;
    committed.commit = commit_name(captured->manifest.seq, 1);
    committed.commit_hash = captured->hash;
    append(history, committed);
  }

  Ledger& ledger_;
  Clock& clock_;
  int rounds_ = 0;
};

class SweepCopies : public testing::Test {
 protected:
  void drive(int trials, SweepLedger& sweeps) {
    clock_.set_auto_advance(true);
    Sweep sweep;
    const std::string spec = kSpec + ("  trials: " + std::to_string(trials) + "\n");
    sweep.base.spec = *parse_spec(spec, "s.yaml", {});
    sweep.base.id = new_job_id(clock_.wall_ms());
    sweep.base.nonce = new_nonce();
    sweep.base.argv = {"/bin/sh", "-c", "p ${x}"};
    ASSERT_TRUE(sweeps.add_sweep(sweep).ok());
    ASSERT_TRUE(sweeps.add_created(sweep, "").ok());
    AgentIdentity self;
    self.agent = new_nonce();
    SweepParts parts{sweeps, ledger_, clock_, population_, view_, self, 8, {}};
    parts.times.look = 1'000'000'000;  // reports are read once
    auto end = SweepDriver(parts).run(sweep.base.id, std::nullopt);
    ASSERT_TRUE(end.ok()) << end.error().message;
    auto history = sweeps_.open(sweep.base.id, [this](const SweepEvent& event, const SweepState&) {
      events_.push_back(event);
    });
    ASSERT_TRUE(history.ok());
    sweep_ = history->sweep();
    state_ = history->state();
  }

  ManualClock clock_;
  std::unique_ptr<ObjectStore> store_ = make_mem_store();
  Ledger ledger_{*store_, clock_};
  SweepLedger sweeps_{*store_, clock_};
  Population population_{ledger_, clock_};
  NoView view_;
  Sweep sweep_;
  SweepState state_;
  std::vector<SweepEvent> events_;
};

TEST_F(SweepCopies, TheLastCommitThatIsNotCompleteIsCopied) {
  drive(5, sweeps_);
  ASSERT_EQ(state_.trials.size(), 5u);
  EXPECT_EQ(state_.trial(5).parent, 1u);
  auto parent = ledger_.open(population_.jobs.at(1));
  ASSERT_TRUE(parent.ok());
  ASSERT_EQ(parent->summary().commits.size(), 2u);
  auto begun_with = read_start(*store_, population_.jobs.at(5));
  ASSERT_TRUE(begun_with.ok()) << begun_with.error().message;
  ASSERT_TRUE(begun_with->has_value());
  EXPECT_EQ((*begun_with)->seq, 1u) << "the second is complete";
}

TEST_F(SweepCopies, ReportsAreJudgedAsAReplayJudgesThem) {
  std::optional<int> trials = 5;  // somebody extends the sweep when its driver records reports
  InterposedStore store(*store_, [&](const std::string& key, std::string_view bytes) {
    if (!trials || bytes.find("\"reported\"") == std::string_view::npos) return;
    const size_t id = key.find('/') + 1;
    auto history = sweeps_.open(key.substr(id, key.find('/', id) - id));
    ASSERT_TRUE(history.ok()) << key << ": " << history.error().message;
    SweepEvent resumed;
    resumed.type = SweepEventType::resumed;
    resumed.trials = std::exchange(trials, std::nullopt);
    auto appended = history->append(resumed, 1, [](const SweepState&) { return Status(); });
    ASSERT_TRUE(appended.ok()) << appended.error().message;
  });
  SweepLedger sweeps(store, clock_);
  drive(4, sweeps);
  ASSERT_EQ(state_.max_trials, 5);
  ASSERT_EQ(state_.trials.size(), 5u) << "the worst makes room for the trial that was added";
  EXPECT_EQ(state_.trial(5).parent, 1u);
  EXPECT_EQ(state_.trial(4).outcome, TrialOutcome::pruned);
  auto replayed = SweepTuner::rebuild(sweep_, state_, events_, nullptr, 0);
  ASSERT_TRUE(replayed.ok()) << replayed.error().message;
  EXPECT_FALSE(replayed->started_afresh());
}

}  // namespace
}  // namespace baton
