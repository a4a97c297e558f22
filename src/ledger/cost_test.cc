// The table of docs/store-format.md, section 10: requests to the store per operation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

class CostTest : public LedgerTest {
 protected:
  // "create 1, get 2": what `act` asks of the store.
  std::string cost(const std::function<void(Ledger&)>& act) {
    std::map<std::string, int> counts;
    auto counted = faulty(*store_, [&](uint64_t, const char* operation, const std::string&) {
      ++counts[operation];
      return Fault::none;
    });
    Ledger ledger(*counted, clock_);
    act(ledger);
    std::string text;
    for (const auto& [operation, count] : counts)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", operation, count);
    return text;
  }
};

TEST_F(CostTest, IsWhatTheFormatSays) {
  Job job = make_job(kJob);
  EXPECT_EQ(
      cost([&](Ledger& l) { ASSERT_TRUE(l.add_job(job).ok() && l.add_created(job, "").ok()); }),
      "create 3");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.open(kJob).ok()); }), "get 2, list 1")
      << "job.json, 1 event";
  EXPECT_EQ(cost([&](Ledger& l) {
              History own = l.open(kJob).value();
              ASSERT_TRUE(claim(own, agent("a"), 1, 0, false).ok());
            }),
            "create 1, get 2, list 1")
      << "an open, and one create";
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.beat(kJob, 1, {}).ok()); }), "put 1");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.read_beat(kJob, 1).ok()); }), "get 1");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.append_stream(kJob, "logs", 1, 0, "x").ok()); }),
            "create 1");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.read_stream(kJob, "logs", 1, 1, 9).ok()); }),
            "get 1")
      << "idle poll";
}

TEST_F(CostTest, OfFinishingAndListing) {
  submit(kJob);
  History history = open();
  ASSERT_TRUE(claim(history, agent("a"), 1, 0, false).ok());
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.list(10).ok()); }), "get 3, list 3")
      << "one active job of two events";
  ASSERT_TRUE(history.append(event_of(EventType::ended, 1), 1, refuse).ok());
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.settle(history).ok()); }),
            "create 1, head 1, remove 1");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.list(10).ok()); }), "list 2");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.resolve("cnn").ok()); }), "list 2");
  EXPECT_EQ(cost([&](Ledger& l) { ASSERT_TRUE(l.resolve(kJob).ok()); }), "head 2");
}

}  // namespace
}  // namespace baton
