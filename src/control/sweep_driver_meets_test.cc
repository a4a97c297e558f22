// What others do while the driver waits, begins or ends.
#include "control/sweep_driver_fixture.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

TEST_F(Driver, CtrlCIsHeededBeforeTheNextTrialIsBegun) {
  agents_.first_news.stop = true;
  auto end = drive();
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_EQ(state().outcome, SweepOutcome::stopped);
  EXPECT_TRUE(state().trials.empty());
}

TEST_F(Driver, CtrlCEndsTheWaitForAnotherMachinesDriver) {
  auto history = sweeps_.open(sweep_.base.id);
  ASSERT_TRUE(history.ok());
  SweepEvent claimed;
  claimed.type = SweepEventType::claimed;
  claimed.agent = new_nonce();
  claimed.boot = "another machine's";
  ASSERT_TRUE(history->append(claimed, 1, [](const SweepState&) { return Status(); }).ok());
  agents_.first_news.stop = true;
  auto end = drive();
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_EQ(*end, SweepEnd::left);
  EXPECT_EQ(state().events, 2u) << "it was not taken over";
}

TEST_F(Driver, AnExtensionThatMeetsTheEndIsHeeded) {
  std::optional<int> trials = 9;
  InterposedStore store(*store_, [&](const std::string&, std::string_view bytes) {
    if (!trials || bytes.find("\"ended\"") == std::string_view::npos ||
        bytes.find("\"complete\"") == std::string_view::npos)
      return;
    SweepEvent resumed;
    resumed.type = SweepEventType::resumed;
    resumed.trials = std::exchange(trials, std::nullopt);
    auto history = sweeps_.open(sweep_.base.id);
    ASSERT_TRUE(history.ok());
    ASSERT_TRUE(history->append(resumed, 1, [](const SweepState&) { return Status(); }).ok());
  });
  SweepLedger sweeps(store, clock_);
  SweepParts parts{sweeps, ledger_, clock_, agents_, view_, identity(), 8, {}};
  auto end = SweepDriver(parts).run(sweep_.base.id, std::nullopt);
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_FALSE(trials);
  EXPECT_TRUE(state().ended);
  EXPECT_EQ(state().counts[0], 9);
}

// Somebody else claims the sweep after the limits were recorded.
TEST_F(Driver, LimitsAreRecordedAlsoWhereAnotherProcessIsFaster) {
  bool faster = true;
  InterposedStore store(*store_, [&](const std::string&, std::string_view bytes) {
    if (!faster || bytes.find("\"claimed\"") == std::string_view::npos) return;
    faster = false;
    SweepEvent claimed;
    claimed.type = SweepEventType::claimed;
    claimed.agent = new_nonce();
    auto history = sweeps_.open(sweep_.base.id);
    ASSERT_TRUE(history.ok());
    ASSERT_TRUE(history->append(claimed, 1, [](const SweepState&) { return Status(); }).ok());
  });
  SweepLedger sweeps(store, clock_);
  SweepParts parts{sweeps, ledger_, clock_, agents_, view_, identity(), 8, {}};
  SweepEvent limits;
  limits.trials = 9;
  auto end = SweepDriver(parts).run(sweep_.base.id, limits);
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_EQ(*end, SweepEnd::taken);
  EXPECT_EQ(state().max_trials, 9);
}

TEST_F(Driver, TimeCountsOverDriversThatRecordedNothingElse) {
  std::string spec = kRandomSpec;
  begin(spec.replace(spec.find("  trials"), 2, "  budget: {time: 10m}\n  "));
  // An agent that works until the machine goes: nothing happens meanwhile.
  class Quiet : public FakeAgents {
   public:
    Quiet(Ledger& ledger, ManualClock& clock, int minutes)
        : FakeAgents(ledger, clock), clock_(clock), left_(minutes) {}
    Result<News> wait(int64_t timeout_ms) override {
      News news;
      if (timeout_ms == 0) return news;
      clock_.advance(60'000);
      news.leave = --left_ <= 0;
      if (news.leave) news.ended = {1, 2};
      return news;
    }

   private:
    ManualClock& clock_;
    int left_;
  };
  for (int minutes : {3, 4}) {
    Quiet agents(ledger_, clock_, minutes);
    SweepParts parts{sweeps_, ledger_, clock_, agents, view_, identity(), 8, {}};
    parts.times.beat_ttl = 20;
    auto end = SweepDriver(parts).run(sweep_.base.id, std::nullopt);
    ASSERT_TRUE(end.ok()) << end.error().message;
    EXPECT_EQ(*end, SweepEnd::left);
  }
  EXPECT_GE(state().used_ms, 7 * 60'000);
  EXPECT_GE(state().events, 10u) << "each minute, and when it left";
}

}  // namespace
}  // namespace baton
