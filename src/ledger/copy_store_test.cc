#include "ledger/copy_store.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "ledger/data_listing.h"
#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

constexpr char kId[] = "261122-013422-k3f9q2";

class CopyStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(check_store_format(*from_, true).ok());
    Ledger ledger(*from_, clock_);
    Job job = make_job(kId);
    auto packed = pack_listing({{"a", 1, "v"}});
    job.data = {{"/data", packed->digest, 1, 1}};
    ASSERT_TRUE(ledger.add_job(job).ok());
    ASSERT_TRUE(store_listings(*from_, job, {*packed}).ok());
    ASSERT_TRUE(from_->create("code/aa/" + tree_, "the code").ok());
    ASSERT_TRUE(ledger.add_created(job, "code/aa/" + tree_).ok());
    listing_ = listing_key(job, packed->digest);
    blob_ = "jobs/" + std::string(kId) + "/blobs/1/xx/" + sha256_hex("plain");
    ASSERT_TRUE(from_->create(blob_, "plain").ok());
  }
  Result<CopyReport> copy() { return copy_store(*from_, *to_, {}); }
  // Other bytes of the same size.
  static void damage(ObjectStore& store, const std::string& key) {
    std::string bytes = *store.get(key, 1 << 20);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    ASSERT_TRUE(store.remove(key).ok());
    ASSERT_TRUE(store.create(key, bytes).ok());
  }
  std::string refused(const Result<CopyReport>& report) {
    if (!report.ok()) return report.error().message;
    return report->refused.empty() ? "" : report->refused.front();
  }
  bool has_job() { return to_->head(job_key(kId)).ok(); }

  ManualClock clock_;
  std::unique_ptr<ObjectStore> from_ = make_mem_store(), to_ = make_mem_store();
  const std::string tree_ = std::string(64, 'a');
  std::string listing_, blob_;
};

TEST_F(CopyStoreTest, EverythingOnceAndThenNothing) {
  auto first = copy();
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->jobs, 1U);
  EXPECT_EQ(refused(first), "");
  for (const std::string& key : {listing_, blob_, "code/aa/" + tree_, job_key(kId)})
    EXPECT_EQ(*to_->get(key, 1 << 20), *from_->get(key, 1 << 20)) << key;
  auto second = copy();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->objects, 0U);
  EXPECT_GT(second->present, 3U);
}

TEST_F(CopyStoreTest, WhatIsDamagedIsNotCopiedNorItsJob) {
  for (const std::string& key : {listing_, blob_}) {
    damage(*from_, key);
    to_ = make_mem_store();
    auto report = copy();
    EXPECT_EQ(refused(report),
              "job " + std::string(kId) + ": " + key + " is damaged and was not copied");
    EXPECT_FALSE(has_job());
    damage(*from_, key);  // back again
  }
  EXPECT_EQ(refused(copy()), "");
  EXPECT_TRUE(has_job());
}

TEST_F(CopyStoreTest, CodeOfTheSameNameAndSizeIsCompared) {
  const std::string key = "code/aa/" + tree_;
  ASSERT_TRUE(check_store_format(*to_, true).ok());
  ASSERT_TRUE(to_->create(key, "THE CODE").ok());
  auto report = copy();
  EXPECT_NE(refused(report).find("holds a different " + key), std::string::npos);
  EXPECT_EQ(*to_->get(key, 100), "THE CODE");
  EXPECT_FALSE(has_job());
}

// As a power failure leaves it in a directory: the name is there, the bytes are not.
TEST_F(CopyStoreTest, ATornBlobIsReplaced) {
  ASSERT_TRUE(check_store_format(*to_, true).ok());
  for (const char* torn : {"", "plaim"}) {
    ASSERT_TRUE(to_->create(blob_, torn).ok());
    EXPECT_EQ(refused(copy()), "");
    EXPECT_EQ(*to_->get(blob_, 100), "plain");
    for (const std::string& key : keys_of(*to_, "jobs/")) ASSERT_TRUE(to_->remove(key).ok());
  }
  EXPECT_EQ(refused(copy()), "");
  ASSERT_TRUE(to_->remove(blob_).ok());
  ASSERT_TRUE(to_->create(blob_, "").ok());  // where the events are all there, by its size
  EXPECT_EQ(refused(copy()), "");
  EXPECT_EQ(*to_->get(blob_, 100), "plain");
}

// The job ends in A while it is made in B.
TEST_F(CopyStoreTest, MarkersAreThoseOfTheEventsThatAreCopied) {
  Ledger ledger(*from_, clock_);
  auto history = ledger.open(kId);
  ASSERT_TRUE(history.ok());
  ASSERT_TRUE(claim(*history, agent("a"), 1, 0, false).ok());
  bool once = true;
  InterposedStore to(*to_, [&](const std::string& key, std::string_view) {
    if (key != job_key(kId) || !std::exchange(once, false)) return;
    auto ended = history->append(event_of(EventType::ended, 1), 2, anything);
    ASSERT_TRUE(ended.ok()) << ended.error().message;
    ASSERT_TRUE(ledger.settle(*history).ok());
  });
  auto report = copy_store(*from_, to, {});
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(once);
  EXPECT_EQ(keys_of(*to_, "index/").size(), 0u);
  EXPECT_EQ(keys_of(*to_, "active/").size(), 1u);
  ASSERT_TRUE(copy().ok());
  auto whole = Ledger(*to_, clock_).open(kId);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->summary().state, State::succeeded);
  EXPECT_EQ(keys_of(*to_, "index/").size(), 1u);
}

TEST_F(CopyStoreTest, AnUnfinishedSubmissionIsPassedOver) {
  Ledger ledger(*from_, clock_);
  ASSERT_TRUE(ledger.add_job(make_job("261122-013423-k3f9q2")).ok());
  auto report = copy();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(refused(report), "");
  EXPECT_TRUE(to_->head(job_key("261122-013423-k3f9q2")).is(Code::not_found));
}

TEST_F(CopyStoreTest, AStoreThatDoesNotAnswerEndsIt) {
  auto deaf =
      faulty(*to_, [](uint64_t, const char*, const std::string&) { return Fault::error_before; });
  EXPECT_FALSE(copy_store(*from_, *deaf, {}).ok());
  auto empty = make_mem_store();
  EXPECT_TRUE(copy_store(*empty, *to_, {}).is(Code::not_found));
}

}  // namespace
}  // namespace baton
