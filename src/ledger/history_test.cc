// Appending: lost replies, others that were first, unknown outcomes.
#include <gmock/gmock.h>

#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

class HistoryTest : public LedgerTest {
 protected:
  void SetUp() override { submit(kJob); }

  // A history on a store that breaks the next `create` of an event with each of `faults` in turn.
  History breaking(std::vector<Fault> faults) {
    store_with_faults_ = faulty(*store_, [faults, next = size_t{0}](uint64_t, const char* operation,
                                                                    const std::string&) mutable {
      bool breaks = std::string_view(operation) == "create" && next < faults.size();
      return breaks ? faults[next++] : Fault::none;
    });
    Ledger ledger(*store_with_faults_, clock_);
    return ledger.open(kJob).value();
  }

  std::unique_ptr<ObjectStore> store_with_faults_;
};

TEST_F(HistoryTest, AppendFillsInNumberNonceAndTime) {
  History history = open();
  auto event = history.append(event_of(EventType::stop_requested), 77, refuse);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->number, 2u);
  EXPECT_EQ(event->at_ms, 77);
  EXPECT_EQ(event->nonce.size(), 26u);
  EXPECT_EQ(open().events()[1].nonce, event->nonce);
}

TEST_F(HistoryTest, RefreshReadsWhatOthersWrote) {
  History mine = open(), theirs = open();
  ASSERT_TRUE(claim(theirs, agent("b"), 1, 0, false).ok());
  EXPECT_EQ(mine.summary().state, State::pending);
  ASSERT_TRUE(mine.refresh().ok());
  EXPECT_EQ(mine.summary().state, State::running);
}

TEST_F(HistoryTest, AppendsBehindOthersWhenAccepted) {
  History mine = open(), theirs = open();
  ASSERT_TRUE(claim(theirs, agent("b"), 1, 0, false).ok());
  int asked = 0;
  auto stop = mine.append(event_of(EventType::stop_requested), 1, [&](const Summary& now) {
    ++asked;
    EXPECT_EQ(now.state, State::running);
    return Status();
  });
  ASSERT_TRUE(stop.ok());
  EXPECT_EQ(stop->number, 3u);
  EXPECT_EQ(asked, 1);
}

TEST_F(HistoryTest, GivesUpWhenNotAccepted) {
  History mine = open(), theirs = open();
  ASSERT_TRUE(claim(theirs, agent("b"), 1, 0, false).ok());
  EXPECT_TRUE(mine.append(event_of(EventType::stop_requested), 1, refuse).is(Code::fenced));
  EXPECT_EQ(open().summary().events, 2u);
  EXPECT_FALSE(mine.unsettled());
}

TEST_F(HistoryTest, RefusesWhatMayNotFollow) {
  History history = open();
  EXPECT_TRUE(history.append(event_of(EventType::resumed), 1, anything).is(Code::invalid));
  EXPECT_TRUE(history.append(event_of(EventType::started, 1), 1, anything).is(Code::fenced));
  EXPECT_EQ(open().summary().events, 1u);
}

// With a retry decorator in between, a lost reply shows as `exists`.
TEST_F(HistoryTest, FindsItsOwnEventByItsNonce) {
  bool lost = false;
  auto faults = faulty(*store_, [&lost](uint64_t, const char* operation, const std::string&) {
    return std::string_view(operation) == "create" && !std::exchange(lost, true) ? Fault::lost_reply
                                                                                 : Fault::none;
  });
  auto retrying = make_retry_store(std::move(faults), 3, [](int64_t) {});
  History history = Ledger(*retrying, clock_).open(kJob).value();
  auto event = history.append(event_of(EventType::stop_requested), 1, refuse);
  ASSERT_TRUE(event.ok()) << event.error().message;
  EXPECT_TRUE(lost);
  EXPECT_EQ(event->number, 2u);
  EXPECT_EQ(open().summary().events, 2u);
}

TEST_F(HistoryTest, AnUnknownOutcomeIsSettledByTheNextRefresh) {
  for (Fault fault : {Fault::lost_reply, Fault::error_before}) {
    submit(fault == Fault::lost_reply ? "261122-013422-aaaaaa" : "261122-013422-bbbbbb");
    History history = breaking({fault});
    EXPECT_TRUE(history.append(event_of(EventType::stop_requested), 1, refuse).is(Code::transient));
    EXPECT_TRUE(history.unsettled());
    EXPECT_EQ(history.summary().state, State::pending);
    ASSERT_TRUE(history.refresh().ok());
    EXPECT_FALSE(history.unsettled());
    EXPECT_EQ(history.summary().state, State::stopped);
    EXPECT_EQ(open().summary().state, State::stopped);
    ASSERT_TRUE(store_->remove(event_key(kJob, 2)).ok());
  }
}

TEST_F(HistoryTest, AnUnknownOutcomeStaysUnknownWhileTheStoreFails) {
  History history = breaking({Fault::error_before, Fault::no_space, Fault::error_before});
  EXPECT_TRUE(history.append(event_of(EventType::stop_requested), 1, refuse).is(Code::transient));
  EXPECT_TRUE(history.refresh().is(Code::no_space));
  EXPECT_TRUE(history.refresh().is(Code::transient));
  EXPECT_TRUE(history.unsettled());
  EXPECT_TRUE(history.refresh().ok());
  EXPECT_EQ(open().summary().events, 2u);
}

TEST_F(HistoryTest, AnUnknownOutcomeIsSettledAgainstUsWhenAnotherTookTheNumber) {
  History history = breaking({Fault::error_before}), theirs = open();
  EXPECT_TRUE(claim(history, agent("a"), 1, 0, false).is(Code::transient));
  ASSERT_TRUE(claim(theirs, agent("b"), 1, 0, false).ok());
  ASSERT_TRUE(history.refresh().ok());
  EXPECT_FALSE(history.unsettled());
  EXPECT_EQ(history.summary().attempts[0].claimed.agent, "b");
  EXPECT_EQ(open().summary().events, 2u);
}

TEST_F(HistoryTest, AppendingTheSameAgainCompletesTheEarlierTry) {
  for (Fault fault : {Fault::lost_reply, Fault::error_before}) {
    History history = breaking({fault});
    Event noticed = event_of(EventType::stop_requested);
    noticed.reason = "by hand";
    EXPECT_TRUE(history.append(noticed, 1, refuse).is(Code::transient));
    auto again = history.append(noticed, 2, refuse);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->number, 2u);
    EXPECT_EQ(open().summary().events, 2u);
    ASSERT_TRUE(store_->remove(event_key(kJob, 2)).ok());
  }
}

TEST_F(HistoryTest, AnotherAppendStandsBehindTheUnknownOne) {
  History history = breaking({Fault::none, Fault::lost_reply});
  ASSERT_TRUE(claim(history, agent("a"), 1, 0, false).ok());
  EXPECT_TRUE(history.append(event_of(EventType::started, 1), 1, refuse).is(Code::transient));
  auto noticed = history.append(event_of(EventType::noticed, 1), 2, refuse);
  ASSERT_TRUE(noticed.ok()) << noticed.error().message;
  EXPECT_EQ(noticed->number, 4u);
  EXPECT_EQ(open().events()[2].type, EventType::started);
}

TEST_F(HistoryTest, AskedAgainWhenOthersCameWhileTheOutcomeWasUnknown) {
  History history = breaking({Fault::error_before}), theirs = open();
  EXPECT_TRUE(history.append(event_of(EventType::stop_requested), 1, refuse).is(Code::transient));
  ASSERT_TRUE(claim(theirs, agent("b"), 1, 0, false).ok());
  EXPECT_TRUE(history.append(event_of(EventType::stop_requested), 1, refuse).is(Code::fenced));
  EXPECT_TRUE(history.append(event_of(EventType::stop_requested), 1, anything).ok());
  EXPECT_EQ(open().summary().events, 3u);
}

}  // namespace
}  // namespace baton
