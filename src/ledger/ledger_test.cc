#include "ledger/ledger.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(StoreFormat, AnEmptyStoreIsMadeOnlyOnRequest) {
  auto store = make_mem_store();
  EXPECT_TRUE(check_store_format(*store, false).is(Code::not_found));
  EXPECT_TRUE(check_store_format(*store, true).ok());
  EXPECT_TRUE(check_store_format(*store, true).ok());
  EXPECT_TRUE(check_store_format(*store, false).ok());
  EXPECT_THAT(keys_of(*store, ""), ElementsAre("baton.json"));
}

TEST(StoreFormat, RefusesLaterFormatsDamageAndForeignPlaces) {
  auto store = make_mem_store();
  ASSERT_TRUE(store->put("baton.json", R"({"format": 2, "why": ["new", "things"]})").ok());
  EXPECT_TRUE(check_store_format(*store, true).is(Code::too_new));
  ASSERT_TRUE(store->put("baton.json", "").ok());
  EXPECT_TRUE(check_store_format(*store, true).is(Code::corrupt));
  ASSERT_TRUE(store->put("baton.json", R"({"format": 0})").ok());
  EXPECT_TRUE(check_store_format(*store, true).is(Code::corrupt));
  auto home = make_mem_store();
  ASSERT_TRUE(home->put("thesis/final.tex", "x").ok());
  Status refused = check_store_format(*home, true);
  ASSERT_TRUE(refused.is(Code::invalid));
  EXPECT_THAT(refused.error().message, HasSubstr("thesis/"));
  EXPECT_THAT(keys_of(*home, ""), ElementsAre("thesis/final.tex"));
}

// Killed while it tried whether a bucket honours conditions, a first run leaves just that.
TEST(StoreFormat, ALeftProbeDoesNotMakeAPlaceForeign) {
  auto store = make_mem_store();
  ASSERT_TRUE(store->create("probe/0123", "1").ok());
  EXPECT_TRUE(check_store_format(*store, true).ok());
  auto other = make_mem_store();
  ASSERT_TRUE(other->create("probe/0123", "1").ok());
  ASSERT_TRUE(other->create("thesis/chapter1", "x").ok());
  Status refused = check_store_format(*other, true);
  ASSERT_TRUE(refused.is(Code::invalid));
  EXPECT_NE(refused.error().message.find("thesis/"), std::string::npos);
}

TEST_F(LedgerTest, SubmittingWritesItsRecordsInOrder) {
  Job job = make_job(kJob);
  ASSERT_TRUE(ledger_.add_job(job).ok());
  EXPECT_TRUE(ledger_.open(kJob).is(Code::not_found)) << "no job before created";
  ASSERT_TRUE(ledger_.add_created(job, "code/aa/x").ok());
  EXPECT_THAT(keys_of(*store_, ""), ElementsAre("active/261122-013422-k3f9q2~cnn~00000001",
                                                "jobs/261122-013422-k3f9q2/events/00000001.json",
                                                "jobs/261122-013422-k3f9q2/job.json"));
  History history = open();
  EXPECT_EQ(history.summary().state, State::pending);
  EXPECT_EQ(history.summary().code_object, "code/aa/x");
  EXPECT_EQ(history.job().spec.name, "cnn");
}

TEST_F(LedgerTest, SubmittingMayBeRepeated) {
  Job job = make_job(kJob);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ledger_.add_job(job).ok());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ledger_.add_created(job, "").ok());
  Job other = make_job(kJob, "other");
  EXPECT_TRUE(ledger_.add_job(other).is(Code::exists));
  EXPECT_TRUE(ledger_.add_created(other, "").is(Code::exists));
  EXPECT_EQ(open().summary().events, 1u);
}

TEST_F(LedgerTest, AJobThatCouldNotBeReadBackIsNotWritten) {
  Job job = make_job("../../x");
  EXPECT_FALSE(ledger_.add_job(job).ok());
  EXPECT_THAT(keys_of(*store_, ""), IsEmpty());
}

TEST_F(LedgerTest, OpenNamesWhatIsDamaged) {
  submit(kJob);
  finish(kJob, Outcome::preempted);
  ASSERT_TRUE(store_->remove(event_key(kJob, 2)).ok());
  auto gap = ledger_.open(kJob);
  ASSERT_TRUE(gap.is(Code::corrupt));
  EXPECT_THAT(gap.error().message, HasSubstr("event 2"));
  ASSERT_TRUE(store_->put(event_key(kJob, 2), "torn").ok());
  EXPECT_TRUE(ledger_.open(kJob).is(Code::corrupt));
  ASSERT_TRUE(store_->put(event_key(kJob, 2), store_->get(event_key(kJob, 1), 1000).value()).ok());
  EXPECT_TRUE(ledger_.open(kJob).is(Code::corrupt));
  ASSERT_TRUE(store_->put(event_key(kJob, 2), std::string(100'000, ' ')).ok());
  EXPECT_TRUE(ledger_.open(kJob).is(Code::corrupt));
  ASSERT_TRUE(store_->put(job_key(kJob), "{}").ok());
  EXPECT_TRUE(ledger_.open(kJob).is(Code::corrupt));
  EXPECT_TRUE(ledger_.open("../../etc").is(Code::not_found));
}

TEST_F(LedgerTest, FinishingMovesAJobFromActiveToIndex) {
  submit(kJob);
  finish(kJob, Outcome::succeeded);
  EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty());
  EXPECT_THAT(keys_of(*store_, "index/"),
              ElementsAre("index/261122-013422-k3f9q2~cnn~succeeded~1~1234~00000003"));
  History history = open();
  EXPECT_TRUE(ledger_.settle(history).ok());
}

TEST_F(LedgerTest, OnlyFinalJobsSettleAndResume) {
  submit(kJob);
  History history = open();
  EXPECT_TRUE(ledger_.settle(history).is(Code::invalid));
  EXPECT_TRUE(ledger_.activate(history).is(Code::invalid));
}

TEST_F(LedgerTest, AResumedJobIsActiveAgainAndSettlesOverItsOldEntry) {
  submit(kJob);
  finish(kJob, Outcome::failed);
  History history = open();
  ASSERT_TRUE(ledger_.activate(history).ok());
  EXPECT_THAT(keys_of(*store_, "active/"), ElementsAre("active/261122-013422-k3f9q2~cnn~00000004"));
  ASSERT_TRUE(history.append(event_of(EventType::resumed), 5, refuse).ok());
  EXPECT_EQ(ledger_.list(10).value()[0].state, State::pending);
  finish(kJob, Outcome::succeeded);
  EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty());
  EXPECT_THAT(keys_of(*store_, "index/"),
              ElementsAre("index/261122-013422-k3f9q2~cnn~succeeded~2~2468~00000006"));
}

TEST_F(LedgerTest, ASlowFinisherDoesNotHideAResumedJob) {
  submit(kJob);
  finish(kJob, Outcome::failed);
  History slow = open();
  History resumer = open();
  ASSERT_TRUE(ledger_.activate(resumer).ok());
  ASSERT_TRUE(resumer.append(event_of(EventType::resumed), 5, refuse).ok());
  ASSERT_TRUE(ledger_.settle(slow).ok());
  auto lines = ledger_.list(10);
  ASSERT_EQ(lines->size(), 1u);
  EXPECT_TRUE((*lines)[0].active);
  EXPECT_EQ((*lines)[0].state, State::pending);
}

TEST_F(LedgerTest, RemovingTakesEverythingOfThisJobAlone) {
  submit(kJob, "a");
  submit("261122-013422-k3f9q3", "b");
  finish(kJob, Outcome::failed);
  ASSERT_TRUE(ledger_.append_stream(kJob, "logs", 1, 0, "text").ok());
  ASSERT_TRUE(ledger_.remove_job(kJob).ok());
  for (const std::string& key : keys_of(*store_, "")) EXPECT_THAT(key, HasSubstr("k3f9q3"));
  EXPECT_TRUE(ledger_.remove_job(kJob).is(Code::not_found));
  EXPECT_TRUE(ledger_.remove_job("../..").is(Code::not_found));
}

// Somebody settles the job before each of the remover's writes in turn, and after the last.
TEST_F(LedgerTest, ASlowFinisherDoesNotListARemovedJobAgain) {
  for (uint64_t at = 0; at < 20; ++at) {
    submit(kJob);
    finish(kJob, Outcome::failed);
    History slow = open();
    bool settled = false;
    auto watching = faulty(*store_, [&](uint64_t number, const char*, const std::string&) {
      if (number == at) settled = ledger_.settle(slow).ok();
      return Fault::none;
    });
    EXPECT_TRUE(Ledger(*watching, clock_).remove_job(kJob).ok());
    EXPECT_THAT(keys_of(*store_, ""), IsEmpty()) << at;
    EXPECT_TRUE(ledger_.settle(slow).ok());
    EXPECT_THAT(keys_of(*store_, ""), IsEmpty()) << at << " and after";
    if (!settled) return;  // the remover had fewer operations
  }
  ADD_FAILURE() << "removing took more operations than were tried";
}

TEST_F(LedgerTest, RemovingIsRefusedWhileAnAttemptRuns) {
  submit(kJob);
  History history = open();
  ASSERT_TRUE(claim(history, agent("a"), 1, 0, false).ok());
  Status refused = ledger_.remove_job(kJob);
  ASSERT_TRUE(refused.is(Code::invalid));
  EXPECT_THAT(refused.error().hint, HasSubstr("baton stop"));
  EXPECT_TRUE(ledger_.open(kJob).ok());
}

TEST_F(LedgerTest, APendingJobThatIsRemovedCannotBeClaimedMeanwhile) {
  submit(kJob);
  History waiting = open();
  bool stopped = false;
  auto watching = faulty(*store_, [&](uint64_t, const char* operation, const std::string& key) {
    if (std::string_view(operation) == "remove" && key == job_key(kJob)) {
      auto late = claim(waiting, agent("late"), 1, 0, false);
      stopped = late.is(Code::fenced);
    }
    return Fault::none;
  });
  EXPECT_TRUE(Ledger(*watching, clock_).remove_job(kJob).ok());
  EXPECT_TRUE(stopped);
  EXPECT_THAT(keys_of(*store_, ""), IsEmpty());
}

TEST_F(LedgerTest, ADamagedJobCanBeRemoved) {
  submit(kJob);
  ASSERT_TRUE(store_->put(event_key(kJob, 1), "torn").ok());
  EXPECT_TRUE(ledger_.remove_job(kJob).ok());
  EXPECT_THAT(keys_of(*store_, ""), IsEmpty());
}

TEST_F(LedgerTest, TidyStopsSubmissionsThatWereCutOff) {
  Job job = make_job(new_job_id(clock_.wall_ms()));
  ASSERT_TRUE(ledger_.add_job(job).ok());
  clock_.advance(10'000);
  EXPECT_EQ(ledger_.tidy(60'000).value(), 0);
  clock_.advance(60'000);
  EXPECT_EQ(ledger_.tidy(60'000).value(), 1);
  EXPECT_EQ(ledger_.tidy(60'000).value(), 0);
  EXPECT_EQ(open(job.id).summary().state, State::stopped);
  EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty());
  Status late = ledger_.add_created(job, "");
  ASSERT_TRUE(late.is(Code::exists));
  EXPECT_THAT(late.error().message, HasSubstr("given up"));
}

TEST_F(LedgerTest, TidyLeavesHealthyJobsAlone) {
  submit(kJob);
  submit("261122-013422-aaaaaa");
  finish("261122-013422-aaaaaa", Outcome::failed);
  ManualClock later(4'000'000'000'000);
  auto before = keys_of(*store_, "");
  EXPECT_EQ(Ledger(*store_, later).tidy(0).value(), 0);
  EXPECT_EQ(keys_of(*store_, ""), before);
}

TEST_F(LedgerTest, TidyCompletesARemoval) {
  submit(kJob);
  finish(kJob, Outcome::failed);
  ASSERT_TRUE(store_->create("active/261122-013422-k3f9q2~removed~00000000", "").ok());
  ASSERT_TRUE(store_->remove(job_key(kJob)).ok());
  ManualClock later(4'000'000'000'000);
  EXPECT_EQ(Ledger(*store_, later).tidy(0).value(), 1);
  EXPECT_THAT(keys_of(*store_, ""), IsEmpty());
}

TEST_F(LedgerTest, HeartbeatsDifferEveryTime) {
  EXPECT_EQ(ledger_.read_beat(kJob, 1).value(), "");
  ASSERT_TRUE(ledger_.beat(kJob, 1, {{"step", 3}}).ok());
  std::string first = ledger_.read_beat(kJob, 1).value();
  ASSERT_TRUE(ledger_.beat(kJob, 1, {{"step", 3}}).ok());
  EXPECT_NE(ledger_.read_beat(kJob, 1).value(), first);
  EXPECT_THAT(first, HasSubstr("\"step\":3"));
}

TEST_F(LedgerTest, StreamsReadOnFromWhereTheyWere) {
  ASSERT_TRUE(ledger_.append_stream(kJob, "logs", 1, 0, "one\n").ok());
  ASSERT_TRUE(ledger_.append_stream(kJob, "logs", 1, 4, "two\n").ok());
  EXPECT_EQ(ledger_.read_stream(kJob, "logs", 1, 0, 1 << 20).value(), "one\ntwo\n");
  EXPECT_EQ(ledger_.read_stream(kJob, "logs", 1, 0, 1).value(), "one\n") << "whole chunks";
  EXPECT_EQ(ledger_.read_stream(kJob, "logs", 1, 4, 100).value(), "two\n");
  EXPECT_EQ(ledger_.read_stream(kJob, "logs", 1, 8, 100).value(), "");
  EXPECT_EQ(ledger_.read_stream(kJob, "logs", 2, 0, 100).value(), "");
  EXPECT_TRUE(ledger_.append_stream(kJob, "../events", 1, 0, "x").is(Code::invalid));
  EXPECT_TRUE(ledger_.append_stream(kJob, "logs", 1, kMaxStreamOffset, "x").is(Code::invalid));
  EXPECT_TRUE(ledger_.append_stream(kJob, "logs", 1, 8, "").ok());
}

TEST_F(LedgerTest, AStreamsLostReplyIsSettledByComparing) {
  ASSERT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 100, "abc").ok());
  EXPECT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 100, "abc").ok());
  EXPECT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 100, "abcdef").ok())
      << "with more behind it";
  EXPECT_EQ(ledger_.read_stream(kJob, "metrics", 1, 100, 100).value(), "abcdef");
  EXPECT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 100, "xyz").is(Code::fenced));
  EXPECT_TRUE(ledger_.append_stream(kJob, "metrics", 1, 100, "ab").is(Code::fenced));
}

TEST_F(LedgerTest, LargePiecesOfAStreamAreCutIntoChunks) {
  std::string text(20'000'000, 'x');
  ASSERT_TRUE(ledger_.append_stream(kJob, "logs", 1, 0, text).ok());
  EXPECT_EQ(keys_of(*store_, "jobs/").size(), 3u);
  EXPECT_TRUE(ledger_.read_stream(kJob, "logs", 1, 0, UINT64_MAX).value() == text);
}

}  // namespace
}  // namespace baton
