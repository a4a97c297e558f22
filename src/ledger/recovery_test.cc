// What a crash between any two writes leaves behind, docs/store-format.md section 9: every place is
// tried.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

using testing::IsEmpty;

struct Killed {};

bool writes(std::string_view operation) {
  return operation == "create" || operation == "put" || operation == "remove";
}

class RecoveryTest : public LedgerTest {
 protected:
  // Runs `act` on a store whose user dies before its n-th write; false when it came to its end.
  bool dies_before_write(int n, const std::function<void(Ledger&)>& act) {
    auto deadly = faulty(
        *store_,
        [left = n](uint64_t, const char* operation, const std::string&) mutable {
          return writes(operation) && left-- == 0 ? Fault::kill_before : Fault::none;
        },
        [] { throw Killed(); });
    Ledger ledger(*deadly, clock_);
    try {
      act(ledger);
    } catch (const Killed&) {
      return true;
    }
    return false;
  }

  // For every n: a fresh store, `prepare`, a death before write n of `act`, then `check`. Returns
  // how many places there are.
  int at_every_write(const std::function<void()>& prepare, const std::function<void(Ledger&)>& act,
                     const std::function<void(int n)>& check) {
    for (int n = 0;; ++n) {
      store_ = make_mem_store();
      ledger_.emplace(*store_, clock_);
      prepare();
      bool died = dies_before_write(n, act);
      check(n);
      if (!died) return n;
    }
  }

  void submit(const std::string& id) {
    Job job = make_job(id);
    ASSERT_TRUE(ledger_->add_job(job).ok());
    ASSERT_TRUE(ledger_->add_created(job, "").ok());
  }
  static void run_to_end(Ledger& ledger, Outcome outcome) {
    auto history = ledger.open(kJob);
    ASSERT_TRUE(history.ok());
    if (history->summary().state == State::pending) {
      ASSERT_TRUE(claim(*history, agent("a"), 1, 0, false).ok());
    }
    if (history->summary().state == State::running) {
      Event ended = event_of(EventType::ended, history->summary().attempt, outcome);
      ASSERT_TRUE(history->append(ended, 1, refuse).ok());
    }
    ASSERT_TRUE(ledger.settle(*history).ok());
  }
  static void resume(Ledger& ledger) {
    auto history = ledger.open(kJob);
    ASSERT_TRUE(history.ok());
    if (!is_final(history->summary().state)) return;
    ASSERT_TRUE(ledger.activate(*history).ok());
    ASSERT_TRUE(history->append(event_of(EventType::resumed), 1, refuse).ok());
  }
  // The invariant that ps rests on.
  void expect_listed_truly(int n) {
    auto history = ledger_->open(kJob);
    ASSERT_TRUE(history.ok()) << n;
    auto lines = ledger_->list(10);
    ASSERT_TRUE(lines.ok()) << n;
    ASSERT_EQ(lines->size(), 1u) << n;
    EXPECT_EQ((*lines)[0].state, history->summary().state) << n;
    EXPECT_EQ((*lines)[0].attempts, history->summary().attempt) << n;
  }

  std::optional<Ledger> ledger_;
};

TEST_F(RecoveryTest, Submitting) {
  Job job = make_job(kJob);
  auto act = [&](Ledger& ledger) {
    ASSERT_TRUE(ledger.add_job(job).ok());
    ASSERT_TRUE(ledger.add_created(job, "").ok());
  };
  int places = at_every_write([] {}, act,
                              [&](int n) {
                                auto lines = ledger_->list(10);
                                ASSERT_TRUE(lines.ok());
                                EXPECT_EQ(lines->size(), n == 3 ? 1u : 0u) << n;
                                act(*ledger_);  // tried again with the same record
                                EXPECT_EQ(ledger_->list(10)->size(), 1u) << n;
                                EXPECT_EQ(keys_of(*store_, "").size(), 3u) << n;
                              });
  EXPECT_EQ(places, 3);
}

TEST_F(RecoveryTest, Finishing) {
  int places = at_every_write([&] { submit(kJob); },
                              [](Ledger& ledger) { run_to_end(ledger, Outcome::succeeded); },
                              [&](int n) {
                                expect_listed_truly(n);
                                run_to_end(*ledger_, Outcome::succeeded);
                                expect_listed_truly(n);
                                EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty()) << n;
                                EXPECT_EQ(keys_of(*store_, "index/").size(), 1u) << n;
                              });
  EXPECT_EQ(places, 4);
}

TEST_F(RecoveryTest, AListingFinishesWhatWasCutShort) {
  at_every_write([&] { submit(kJob); }, [](Ledger& ledger) { run_to_end(ledger, Outcome::failed); },
                 [&](int n) {
                   if (n < 2) return;  // not ended yet
                   expect_listed_truly(n);
                   EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty()) << n;
                   EXPECT_EQ(keys_of(*store_, "index/").size(), 1u) << n;
                 });
}

TEST_F(RecoveryTest, ResumingAndFinishingAgain) {
  auto prepare = [&] {
    submit(kJob);
    run_to_end(*ledger_, Outcome::failed);
  };
  auto act = [](Ledger& ledger) {
    resume(ledger);
    run_to_end(ledger, Outcome::succeeded);
  };
  int places = at_every_write(prepare, act, [&](int n) {
    expect_listed_truly(n);
    if (ledger_->open(kJob)->summary().state != State::succeeded) act(*ledger_);
    expect_listed_truly(n);
    EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty()) << n;
    EXPECT_EQ(keys_of(*store_, "index/").size(), 1u) << n;
  });
  EXPECT_EQ(places, 8);
}

TEST_F(RecoveryTest, Removing) {
  auto prepare = [&] {
    submit(kJob);
    run_to_end(*ledger_, Outcome::failed);
  };
  auto act = [](Ledger& ledger) { ASSERT_TRUE(ledger.remove_job(kJob).ok()); };
  int places = at_every_write(prepare, act, [&](int n) {
    auto lines = ledger_->list(10);
    ASSERT_TRUE(lines.ok());
    EXPECT_LE(lines->size(), n < 3 ? 1u : 0u) << n;
    Status again = ledger_->remove_job(kJob);
    EXPECT_TRUE(again.ok() || again.is(Code::not_found)) << n;
    EXPECT_THAT(keys_of(*store_, ""), IsEmpty()) << n;
  });
  EXPECT_EQ(places, 8);
}

TEST_F(RecoveryTest, GivingUpASubmission) {
  Job job = make_job(kJob);
  ManualClock later(4'000'000'000'000);
  auto prepare = [&] { ASSERT_TRUE(ledger_->add_job(job).ok()); };
  int places = at_every_write(
      prepare, [&](Ledger& ledger) { ASSERT_TRUE(Ledger(ledger.store(), later).tidy(0).ok()); },
      [&](int n) {
        ASSERT_TRUE(Ledger(*store_, later).tidy(0).ok()) << n;
        expect_listed_truly(n);
        EXPECT_EQ(ledger_->list(10).value()[0].state, State::stopped) << n;
        EXPECT_THAT(keys_of(*store_, "active/"), IsEmpty()) << n;
      });
  EXPECT_EQ(places, 5);
}

}  // namespace
}  // namespace baton
