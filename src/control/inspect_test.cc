#include "control/inspect.h"

#include <gtest/gtest.h>

#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

class Reading : public LedgerTest {
 protected:
  // What one look asks of the store.
  int look(MetricsReader& reader, const History& history) {
    int gets = 0;
    auto counted = faulty(*store_, [&](uint64_t, const char*, const std::string&) {
      ++gets;
      return Fault::none;
    });
    Ledger ledger(*counted, clock_);
    EXPECT_TRUE(reader.read_on(ledger, history).ok());
    EXPECT_EQ(reader.lines(), read_metrics(ledger_, history).value());
    return gets;
  }
  uint64_t write(int attempt, uint64_t at, const std::string& text) {
    EXPECT_TRUE(ledger_.append_stream(kJob, "metrics", attempt, at, text).ok());
    return at + text.size();
  }
};

TEST_F(Reading, ReadsMetricsOnFromWhereItWas) {
  submit(kJob);
  History own = open();
  MetricsReader reader;
  EXPECT_EQ(look(reader, own), 0);
  ASSERT_TRUE(claim(own, agent("a"), 1, 0, false).ok());
  uint64_t at = 0;
  for (int i = 0; i < 20; ++i) {
    at = write(1, at, "{\"step\": " + std::to_string(i) + "}\n");
    EXPECT_EQ(look(reader, own), 2) << "the new chunk, and its absent successor";
    EXPECT_EQ(look(reader, own), 1);
  }
  // The next attempt goes on from a commit, from where the metrics were then.
  ASSERT_TRUE(claim(own, agent("b"), 2, 33, true).ok());
  EXPECT_LE(look(reader, own), 2);
  EXPECT_EQ(reader.lines().size(), 33u);
  write(2, 33, "{\"step\": 3}\n");
  EXPECT_EQ(look(reader, own), 2);
  EXPECT_EQ(reader.lines().size(), 33u + 12);
}

}  // namespace
}  // namespace baton
