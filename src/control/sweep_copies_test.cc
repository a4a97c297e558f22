// Which commit a trial of pbt begins with: the driver on a store in memory.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ids.h"
#include "control/requests.h"
#include "control/sweep_driver.h"
#include "ledger/commits.h"
#include "ledger/start.h"

namespace baton {
namespace {

constexpr const char* kSpec =
    "name: s\ncommand: p ${x}\nsweep:\n  metric: loss\n  method: pbt\n  max_step: 2\n  trials: 5\n"
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
  Result<News> wait(int64_t) override {
    News news;
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

class NoView : public SweepView {
 public:
  void event(const SweepEvent&, const SweepState&) override {}
  void tick(const SweepState&, size_t) override {}
  void tell(const std::string&) override {}
};

TEST(SweepCopies, TheLastCommitThatIsNotCompleteIsCopied) {
  ManualClock clock;
  clock.set_auto_advance(true);
  auto store = make_mem_store();
  Ledger ledger(*store, clock);
  SweepLedger sweeps(*store, clock);
  Sweep sweep;
  sweep.base.spec = *parse_spec(kSpec, "s.yaml", {});
  sweep.base.id = new_job_id(clock.wall_ms());
  sweep.base.nonce = new_nonce();
  sweep.base.argv = {"/bin/sh", "-c", "p ${x}"};
  ASSERT_TRUE(sweeps.add_sweep(sweep).ok());
  ASSERT_TRUE(sweeps.add_created(sweep, "").ok());
  Population population(ledger, clock);
  NoView view;
  AgentIdentity self;
  self.agent = new_nonce();
  SweepParts parts{sweeps, ledger, clock, population, view, self, 8, {}};
  parts.times.look = 1'000'000'000;  // reports are read once
  auto end = SweepDriver(parts).run(sweep.base.id, std::nullopt);
  ASSERT_TRUE(end.ok()) << end.error().message;
  auto history = sweeps.open(sweep.base.id);
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->state().trials.size(), 5u);
  EXPECT_EQ(history->state().trial(5).parent, 1u);
  auto parent = ledger.open(population.jobs.at(1));
  ASSERT_TRUE(parent.ok());
  ASSERT_EQ(parent->summary().commits.size(), 2u);
  auto begun_with = read_start(*store, population.jobs.at(5));
  ASSERT_TRUE(begun_with.ok()) << begun_with.error().message;
  ASSERT_TRUE(begun_with->has_value());
  EXPECT_EQ((*begun_with)->seq, 1u) << "the second is complete";
}

}  // namespace
}  // namespace baton
