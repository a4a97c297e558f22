#include "agent/stream.h"

#include <gtest/gtest.h>

#include "os/files.h"
#include "store/fault_store.h"

namespace baton {
namespace {

// Numbered lines, at least so many bytes of them.
std::string lines(size_t size) {
  std::string text;
  text.reserve(size + 64);
  for (int i = 0; text.size() < size; ++i)
    text += "{\"step\":" + std::to_string(i) + ",\"loss\":0.123456789}\n";
  return text;
}

class Metrics : public testing::Test {
 protected:
  void append(const std::string& text) {
    content_ += text;
    ASSERT_TRUE(replace_file(path(), content_, false).ok());
  }
  std::string path() { return dir_->path() + "/metrics.jsonl"; }
  std::string stored() { return ledger_.read_stream("job", "metrics", 1, 0, UINT64_MAX).value(); }

  Result<TempDir> dir_ = TempDir::create("metrics");
  std::string content_;
  bool away_ = false;
  int left_ = -1;  // so many writes until the store is away; -1: it stays
  SystemClock clock_;
  std::unique_ptr<ObjectStore> store_ =
      make_fault_store(make_mem_store(), [this](uint64_t, const char*, const std::string&) {
        if (left_ > 0 && --left_ == 0) away_ = true;
        return away_ ? Fault::error_before : Fault::none;
      });
  Ledger ledger_{*store_, clock_};
  MetricsTail tail_{path(), ledger_, "job", 1, 0};
};

TEST_F(Metrics, MoreThanAnyBufferHoldsArrivesWhole) {
  append(lines(25 << 20));
  ASSERT_TRUE(tail_.pump(false).ok());
  EXPECT_TRUE(stored() == content_);
  append(lines(100));
  ASSERT_TRUE(tail_.pump(false).ok());
  EXPECT_TRUE(stored() == content_);
}

TEST_F(Metrics, WhatAnOutageKeptBackArrivesOnce) {
  left_ = 5;
  append(lines(12 << 20));
  EXPECT_FALSE(tail_.pump(false).ok());
  append(lines(25 << 20));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(tail_.pump(i == 2).ok());
  away_ = false;
  ASSERT_TRUE(tail_.pump(false).ok());
  EXPECT_TRUE(stored() == content_);
}

TEST_F(Metrics, ALineThatIsNotWholeWaitsUntilAllIsWanted) {
  append("{\"step\":1}\n{\"st");
  ASSERT_TRUE(tail_.pump(false).ok());
  EXPECT_EQ(stored(), "{\"step\":1}\n");
  ASSERT_TRUE(tail_.pump(true).ok());
  EXPECT_EQ(stored(), content_);
}

}  // namespace
}  // namespace baton
