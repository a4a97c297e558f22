#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/interleave.h"
#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

using testing::HasSubstr;

class ClaimTest : public LedgerTest {
 protected:
  void SetUp() override { submit(kJob); }
};

TEST_F(ClaimTest, TheFirstOneHasTheJob) {
  History a = open(), b = open();
  AgentIdentity self = agent("a");
  self.boot = "boot";
  self.pid = 12;
  self.pid_start = 34;
  auto claimed = claim(a, self, 1, 0, false);
  ASSERT_TRUE(claimed.ok());
  EXPECT_EQ(claimed->attempt, 1);
  EXPECT_EQ(claimed->pid, 12);
  EXPECT_EQ(claimed->pid_start, 34u);
  EXPECT_EQ(claimed->boot, "boot");
  auto late = claim(b, agent("b"), 1, 0, false);
  ASSERT_TRUE(late.is(Code::fenced));
  EXPECT_THAT(late.error().message, HasSubstr("host-of-a"));
  EXPECT_TRUE(claim(b, agent("b"), 1, 0, false).is(Code::fenced));
}

TEST_F(ClaimTest, AFinalJobCannotBeClaimed) {
  finish(kJob, Outcome::succeeded);
  History history = open();
  EXPECT_TRUE(claim(history, agent("a"), 1, 0, true).is(Code::fenced));
}

TEST_F(ClaimTest, ATakeoverFencesTheOldOwner) {
  History old = open();
  ASSERT_TRUE(claim(old, agent("old"), 1, 0, false).ok());
  History fresh = open();
  auto claimed = claim(fresh, agent("fresh"), 1, 0, true);
  ASSERT_TRUE(claimed.ok());
  EXPECT_EQ(claimed->attempt, 2);
  Event committed = event_of(EventType::committed, 1);
  committed.commit = "00000001-1";
  committed.commit_hash = std::string(64, 'a');
  EXPECT_TRUE(old.append(committed, 1, anything).is(Code::fenced));
  EXPECT_TRUE(old.append(event_of(EventType::ended, 1), 1, anything).is(Code::fenced));
  EXPECT_EQ(open().summary().commits.size(), 0u);
}

TEST_F(ClaimTest, ATakeoverYieldsToAnOwnerThatStillCommits) {
  History owner = open();
  ASSERT_TRUE(claim(owner, agent("owner"), 1, 0, false).ok());
  History observer = open();
  Event committed = event_of(EventType::committed, 1);
  committed.commit = "00000001-1";
  committed.commit_hash = std::string(64, 'a');
  ASSERT_TRUE(owner.append(committed, 1, refuse).ok());
  EXPECT_TRUE(claim(observer, agent("observer"), 1, 0, true).is(Code::fenced))
      << "metrics_from would be wrong";
  EXPECT_EQ(open().summary().attempt, 1);
}

TEST_F(ClaimTest, AStopRequestThatComesFirstIsKept) {
  History owner = open();
  ASSERT_TRUE(claim(owner, agent("owner"), 1, 0, false).ok());
  History observer = open();
  ASSERT_TRUE(owner.append(event_of(EventType::stop_requested), 1, refuse).ok());
  ASSERT_TRUE(claim(observer, agent("observer"), 1, 0, true).ok());
  EXPECT_TRUE(observer.summary().stop_requested);
}

TEST_F(ClaimTest, TheLimitOfPreemptionsHoldsForTakeoversToo) {
  Job job = make_job("261122-013422-aaaaaa");
  job.spec.max_preemptions = 1;
  ASSERT_TRUE(ledger_.add_job(job).ok());
  ASSERT_TRUE(ledger_.add_created(job, "").ok());
  History history = open(job.id);
  ASSERT_TRUE(claim(history, agent("a"), 1, 0, false).ok());
  ASSERT_TRUE(claim(history, agent("b"), 1, 0, true).ok());
  auto third = claim(history, agent("c"), 1, 0, true);
  ASSERT_TRUE(third.is(Code::fenced));
  EXPECT_THAT(third.error().message, HasSubstr("preempted as often"));
  EXPECT_EQ(history.summary().state, State::failed);
  EXPECT_EQ(open(job.id).summary().state, State::failed);
}

TEST_F(ClaimTest, AClaimWhoseReplyWasLostIsFoundAgain) {
  bool lost = false;
  auto faults = faulty(*store_, [&](uint64_t, const char* operation, const std::string&) {
    return std::string_view(operation) == "create" && !std::exchange(lost, true) ? Fault::lost_reply
                                                                                 : Fault::none;
  });
  History history = Ledger(*faults, clock_).open(kJob).value();
  AgentIdentity self = agent("a");
  EXPECT_TRUE(claim(history, self, 1, 0, false).is(Code::transient));
  ASSERT_TRUE(history.refresh().ok());
  auto again = claim(history, self, 2, 0, false);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->attempt, 1);
  EXPECT_EQ(open().summary().attempt, 1);
}

// Claimants race in every order that a thousand seeds give, with replies lost on the way.
TEST_F(ClaimTest, ExactlyOneOfTheClaimantsOwnsTheJob) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    std::string id = fmt::format("261122-013423-{:06}", seed);
    submit(id);
    Interleaver interleaver(*store_, seed);
    std::vector<std::string> owners;
    for (const char* name : {"a", "b", "c"})
      interleaver.add([&, name](ActorStore& handle) {
        auto plan = parse_fault_plan(
            fmt::format("seed={},lost=0.3,error=0.2", seed * 3 + static_cast<uint64_t>(name[0])));
        auto faults = faulty(handle, plan.value());
        auto history = Ledger(*faults, clock_).open(id);
        ASSERT_TRUE(history.ok());
        auto claimed = claim(*history, agent(name), 1, 0, false);
        while (!claimed.ok() && claimed.is(Code::transient))
          claimed = claim(*history, agent(name), 1, 0, false);
        if (claimed.ok()) owners.emplace_back(name);
      });
    interleaver.run([](const std::string&, const std::string&) {});
    ASSERT_EQ(owners.size(), 1u) << "seed " << seed;
    ASSERT_EQ(open(id).summary().attempts.back().claimed.agent, owners[0]) << "seed " << seed;
    ASSERT_EQ(open(id).summary().attempt, 1) << "seed " << seed;
  }
}

TEST(BeatWatch, IsStaleAfterTheTimeToLive) {
  ManualClock clock;
  BeatWatch watch(clock, 30'000);
  EXPECT_FALSE(watch.stale("a"));
  for (int i = 0; i < 9; ++i) {
    clock.advance(3'000);
    EXPECT_FALSE(watch.stale("a"));
  }
  clock.advance(3'000);
  EXPECT_TRUE(watch.stale("a"));
}

TEST(BeatWatch, EveryChangeStartsAnew) {
  ManualClock clock;
  BeatWatch watch(clock, 30'000);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(watch.stale(std::to_string(i)));
    clock.advance(10'000);
  }
}

TEST(BeatWatch, AnAbsentBeatGrowsStaleToo) {
  ManualClock clock;
  BeatWatch watch(clock, 3'000);
  EXPECT_FALSE(watch.stale(""));
  for (int i = 0; i < 3; ++i) clock.advance(1'000), (void)watch.stale("");
  EXPECT_TRUE(watch.stale(""));
}

TEST(BeatWatch, TimeAsleepDoesNotCount) {
  ManualClock clock;
  BeatWatch watch(clock, 30'000);
  EXPECT_FALSE(watch.stale("a"));
  clock.advance(3'600'000);  // the laptop's lid was closed, the agent beside it slept as well
  EXPECT_FALSE(watch.stale("a"));
  clock.step_wall(86'400'000);
  EXPECT_FALSE(watch.stale("a"));
}

TEST(Owner, IsGoneWithTheBootThatItBelongsTo) {
  AgentIdentity here;
  here.host = "box";
  here.machine = "m1";
  here.boot = "second/4026531836";
  Event claimed;
  claimed.host = "box";
  claimed.machine = "m1";
  claimed.boot = "first/4026531836";
  claimed.pid = getpid();
  claimed.pid_start = 1;
  EXPECT_TRUE(owner_is_gone(claimed, here)) << "this machine has restarted";
  struct Case {
    const char *host, *machine, *boot, *why;
  };
  for (const Case& c : std::vector<Case>{
           {"other", "m1", "first/4026531836", "a copy of this machine under another name"},
           {"box", "m2", "first/4026531836", "another machine of the same name"},
           {"box", "", "first/4026531836", "an agent in a container knows no machine"},
           {"box", "m1", "second/4026531999", "the same boot, seen from a container"},
           {"box", "m1", "", "it did not know its boot"}}) {
    Event other = claimed;
    other.host = c.host;
    other.machine = c.machine;
    other.boot = c.boot;
    EXPECT_FALSE(owner_is_gone(other, here)) << c.why;
  }
  here.machine = "";
  claimed.machine = "";
  EXPECT_FALSE(owner_is_gone(claimed, here)) << "machines without an id are not all one";
}

TEST(Owner, IsGoneOnlyWhenThisMachineKnowsIt) {
  AgentIdentity self = AgentIdentity::self();
  EXPECT_NE(self.agent, AgentIdentity::self().agent);
  EXPECT_FALSE(self.host.empty());
  Event claimed;
  claimed.boot = self.boot;
  claimed.pid = self.pid;
  claimed.pid_start = self.pid_start;
  EXPECT_FALSE(owner_is_gone(claimed)) << "it is this process";
  Event elsewhere = claimed;
  elsewhere.boot = "another boot";
  elsewhere.pid_start += 1;
  EXPECT_FALSE(owner_is_gone(elsewhere));
  Event reused = claimed;
  reused.pid_start += 1;
  EXPECT_TRUE(owner_is_gone(reused));
  Event unknown;
  EXPECT_FALSE(owner_is_gone(unknown));
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  Event ended = claimed;
  ended.pid = child;
  EXPECT_TRUE(owner_is_gone(ended));
}

}  // namespace
}  // namespace baton
