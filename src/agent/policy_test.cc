#include "agent/policy.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace baton {
namespace {

EndFacts ended(StopCause cause, int code, int signal) {
  EndFacts facts;
  facts.cause = cause;
  facts.exit = {code, signal};
  if (cause != StopCause::none) facts.signal_sent = SIGTERM;
  return facts;
}

TEST(Classify, AnyExitAfterANoticeIsPreempted) {
  for (int code : {0, 1, 143})
    EXPECT_EQ(classify(ended(StopCause::notice, code, 0)), Outcome::preempted);
  EXPECT_EQ(classify(ended(StopCause::notice, 0, SIGKILL)), Outcome::preempted);
}

TEST(Classify, AStopIsAStopEvenWhenTheProgramExitsWithZero) {
  EXPECT_EQ(classify(ended(StopCause::stop, 0, 0)), Outcome::stopped);
  EXPECT_EQ(classify(ended(StopCause::timeout, 0, 0)), Outcome::timeout);
}

TEST(Classify, OwnEndings) {
  EXPECT_EQ(classify(ended(StopCause::none, 0, 0)), Outcome::succeeded);
  EXPECT_EQ(classify(ended(StopCause::none, 3, 0)), Outcome::failed);
  EXPECT_EQ(classify(ended(StopCause::none, 0, SIGSEGV)), Outcome::failed);
  EndFacts oom = ended(StopCause::none, 137, 0);
  oom.oom_killed = true;
  EXPECT_EQ(classify(oom), Outcome::oom);
  // A helper process was killed for memory, but the program coped.
  oom.exit = {0, 0};
  EXPECT_EQ(classify(oom), Outcome::succeeded);
}

TEST(EndedByItself, NotWhenOurSignalDidIt) {
  EXPECT_TRUE(ended_by_itself(ended(StopCause::notice, 0, 0)));
  EXPECT_TRUE(ended_by_itself(ended(StopCause::notice, 1, 0)));
  EXPECT_FALSE(ended_by_itself(ended(StopCause::notice, 0, SIGTERM)));
  EXPECT_FALSE(
      ended_by_itself(ended(StopCause::notice, 128 + SIGTERM, 0)));  // a shell passed it on
  EXPECT_TRUE(ended_by_itself(ended(StopCause::none, 128 + SIGTERM, 0)));
  EndFacts killed = ended(StopCause::notice, 0, 0);
  killed.killed_by_agent = true;
  EXPECT_FALSE(ended_by_itself(killed));
}

CommitFacts changed() {
  CommitFacts facts;
  facts.anything_changed = true;
  return facts;
}

TEST(FinalCommit, ACleanExitAlwaysCommitsWhatChanged) {
  CommitFacts facts = changed();
  facts.program_commits = true;
  EXPECT_TRUE(wants_final_commit(ended(StopCause::none, 0, 0), facts));
  EXPECT_TRUE(wants_final_commit(ended(StopCause::notice, 0, 0), facts));
  EXPECT_FALSE(wants_final_commit(ended(StopCause::none, 0, 0), CommitFacts{}));
}

TEST(FinalCommit, AProgramThatCommitsByItselfIsNotCommittedInMidCourse) {
  CommitFacts facts = changed();
  facts.program_commits = facts.checkpoint_used = facts.checkpoint_changed = facts.was_quiet = true;
  EXPECT_FALSE(wants_final_commit(ended(StopCause::notice, 0, SIGTERM), facts));
  EXPECT_FALSE(wants_final_commit(ended(StopCause::none, 1, 0), facts));
}

TEST(FinalCommit, ResultsThatRanAheadOfTheCheckpointAreNotKept) {
  CommitFacts facts = changed();
  facts.checkpoint_used = facts.was_quiet = true;
  EXPECT_FALSE(wants_final_commit(ended(StopCause::notice, 0, SIGKILL), facts));
  facts.checkpoint_changed = true;
  EXPECT_TRUE(wants_final_commit(ended(StopCause::notice, 0, SIGKILL), facts));
  facts.was_quiet = false;  // it may have been in the middle of writing
  EXPECT_FALSE(wants_final_commit(ended(StopCause::notice, 0, SIGKILL), facts));
}

TEST(FinalCommit, AProgramWithoutCheckpointKeepsItsResults) {
  CommitFacts facts = changed();
  facts.was_quiet = true;
  EXPECT_TRUE(wants_final_commit(ended(StopCause::notice, 0, SIGKILL), facts));
}

TEST(PeriodicCommit, OnlyWhenQuietAndTheCheckpointMoved) {
  CommitFacts facts = changed();
  EXPECT_FALSE(wants_periodic_commit(facts));
  facts.was_quiet = true;
  EXPECT_TRUE(wants_periodic_commit(facts));
  facts.checkpoint_used = true;
  EXPECT_FALSE(wants_periodic_commit(facts));
  facts.checkpoint_changed = true;
  EXPECT_TRUE(wants_periodic_commit(facts));
  facts.program_commits = true;
  EXPECT_FALSE(wants_periodic_commit(facts));
}

TEST(CommitClock, LearnsFromEarlierCommits) {
  CommitClock clock;
  const uint64_t gib = 1ull << 30;
  int64_t unknown = clock.predict_ms(gib);
  EXPECT_GT(unknown, 10'000);  // 50 MB/s until known better
  clock.record(gib, gib, 2'000);
  int64_t all_new = clock.predict_ms(gib);
  EXPECT_LT(all_new, unknown);
  EXPECT_GE(all_new, 2'000);
  // Five commits that wrote a hundredth each: the full rewrite is forgotten.
  for (int i = 0; i < 5; ++i) clock.record(gib, gib / 100, 200);
  EXPECT_LT(clock.predict_ms(gib), all_new);
  // Twice the size takes longer.
  EXPECT_GT(clock.predict_ms(2 * gib), clock.predict_ms(gib));
}

// 1 GiB over 10 MB/s.
TEST(CommitClock, ABucketIsTakenToBeSlowUntilItIsKnown) {
  CommitClock disk, bucket(kBucketBytesPerMs);
  const uint64_t gib = 1ull << 30;
  EXPECT_GE(bucket.predict_ms(gib), 107'000);
  EXPECT_LT(disk.predict_ms(gib), 25'000);
  bucket.record(1'000, 1'000, 200);  // says nothing about the speed
  EXPECT_GE(bucket.predict_ms(gib), 107'000);
  bucket.record(gib, gib, 2'000);
  EXPECT_LT(bucket.predict_ms(gib), 25'000);
}

TEST(CommitClock, ASlowCommitRaisesThePrediction) {
  CommitClock clock;
  clock.record(100 << 20, 100 << 20, 1'000);
  int64_t before = clock.predict_ms(100 << 20);
  clock.record(100 << 20, 100 << 20, 20'000);
  EXPECT_GT(clock.predict_ms(100 << 20), before);
  EXPECT_GE(clock.predict_ms(100 << 20), 20'000);
}

TEST(CommitClock, ManySmallFilesTakeTimeToo) {
  CommitClock clock;
  EXPECT_GE(clock.predict_ms(0, 200'000), 5'000);
  clock.record(1 << 10, 1 << 10, 20);
  EXPECT_GE(clock.predict_ms(0, 200'000), 5'000);
  EXPECT_LT(clock.predict_ms(0, 100), 1'000);
}

Event event(EventType type, int64_t ran_ms = 0, Outcome outcome = Outcome::preempted) {
  Event event;
  event.type = type;
  event.ran_ms = ran_ms;
  event.outcome = outcome;
  return event;
}

TEST(CountedTime, BeginsAnewAfterATimeoutAndAResume) {
  std::vector<Event> events = {event(EventType::created), event(EventType::ended, 300)};
  EXPECT_EQ(counted_ms(events), 300);
  events.push_back(event(EventType::ended, 700, Outcome::timeout));
  EXPECT_EQ(counted_ms(events), 0);
  events.push_back(event(EventType::ended, 200));
  events.push_back(event(EventType::ended, 100, Outcome::stopped));
  EXPECT_EQ(counted_ms(events), 300);
  events.push_back(event(EventType::resumed));
  EXPECT_EQ(counted_ms(events), 0);
}

TEST(KillTime, LeavesTheCommitItsTime) {
  EXPECT_EQ(kill_time_ms(1'000, 31'000, 5'000), 26'000);
  EXPECT_EQ(kill_time_ms(1'000, 31'000, 100), 28'000);    // at least a tenth for the commit
  EXPECT_EQ(kill_time_ms(1'000, 31'000, 60'000), 4'000);  // at least a tenth for the program
  EXPECT_EQ(kill_time_ms(1'000, 500, 5'000), 500);        // already past: at once
}

}  // namespace
}  // namespace baton
