// Objects in parts and in ranges: how many, how much memory, and what is compared.
#include "store/transfer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <set>

#include "store/fake_bucket.h"

namespace baton {
namespace {

constexpr uint64_t kMiB = 1 << 20, kTiB = 1ull << 40;

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    clock_.set_auto_advance(true);
    options_.part_size = 1000;
    options_.single_below = 1000;
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i * 7 + i / 251);
  }
  // As a file would be.
  ByteSource source(const std::string& bytes) {
    return {bytes.size(), false,
            [&bytes](uint64_t offset, uint64_t size, char* scratch) -> Result<std::string_view> {
              std::memcpy(scratch, bytes.data() + offset, size);
              return std::string_view(scratch, size);
            }};
  }
  Result<Uploaded> send(const ByteSource& from, const Write& mode = Write::replace) {
    BucketRetry retry(bucket_, clock_, options_);
    return upload(bucket_, retry, options_, "k", from, mode);
  }
  Result<BucketObject> fetch(std::string& to) {
    BucketRetry retry(bucket_, clock_, options_);
    to.assign(bytes_.size(), '\0');
    return download(bucket_, retry, options_, "k", bytes_.size(),
                    [&](uint64_t offset, std::string_view piece) -> Status {
                      std::memcpy(to.data() + offset, piece.data(), piece.size());
                      return {};
                    });
  }

  FakeBucket bucket_;
  ManualClock clock_;
  TransferOptions options_;
  std::string bytes_ = std::string(10'500, ' ');
};

TEST_F(TransferTest, EveryObjectFitsTheServicesAndTheMemory) {
  const TransferOptions usual;
  for (uint64_t size : {32 * kMiB, 78'000 * kMiB, 79'000 * kMiB, kTiB / 2, kTiB, 5 * kTiB}) {
    PartPlan plan = plan_parts(size, usual);
    EXPECT_LE((size + plan.size - 1) / plan.size, 10'000U) << size;
    EXPECT_GE(plan.workers, 1) << size;
    EXPECT_LE(static_cast<uint64_t>(plan.workers) * plan.size, std::max(64 * kMiB, plan.size));
  }
  EXPECT_EQ(plan_parts(32 * kMiB, usual).workers, 8);
  EXPECT_EQ(plan_parts(128 * 1024 * kMiB, usual).workers, 4);
  EXPECT_EQ(plan_parts(5 * kTiB, usual).workers, 1);
  EXPECT_EQ(plan_parts(5 * kTiB, usual).size, 525 * kMiB);
}

TEST_F(TransferTest, LargePartsAreFewAtOnce) {
  options_.part_size = 24 * kMiB;
  std::mutex mutex;
  std::set<char*> in_use;
  const std::string zeros(options_.part_size, '\0');
  ByteSource sparse{7 * options_.part_size, false,
                    [&](uint64_t, uint64_t size, char* scratch) -> Result<std::string_view> {
                      std::lock_guard lock(mutex);
                      if (size == options_.part_size) in_use.insert(scratch);
                      return std::string_view(zeros).substr(0, size);
                    }};
  ASSERT_TRUE(send(sparse).ok());
  EXPECT_GE(in_use.size(), 1U);
  EXPECT_LE(in_use.size(), 2U);  // 48 of 64 MiB
}

TEST_F(TransferTest, TheChecksumOfAFileIsToldBeforeItsParts) {
  auto sent = send(source(bytes_));
  ASSERT_TRUE(sent.ok());
  EXPECT_EQ(sent->crc32c, crc32c(bytes_));
  EXPECT_EQ(bucket_.begun_with(), std::optional(crc32c(bytes_)));
  EXPECT_EQ(sent->version, bucket_.head("k")->version);
  EXPECT_EQ(bucket_.all().at("k"), bytes_);
}

TEST_F(TransferTest, AFileThatChangesOnTheWayIsNotWritten) {
  std::string changing = bytes_;
  ByteSource from = source(changing);
  from.view = [&, inner = from.view](uint64_t offset, uint64_t size, char* scratch) {
    if (offset == 5000) changing[5000] ^= 1;
    return inner(offset, size, scratch);
  };
  EXPECT_TRUE(send(from).is(Code::transient));
  EXPECT_TRUE(bucket_.all().empty());
  from.crc32c = crc32c(bytes_) ^ 1;
  from.size = 100;  // in one request
  EXPECT_TRUE(send(from).is(Code::transient));
  EXPECT_TRUE(bucket_.all().empty());
}

TEST_F(TransferTest, AVersionIsTheCondition) {
  for (const std::string& content : {bytes_, std::string("small")}) {
    std::string first = send(source(content))->version;
    auto second = send(source(content), Write::if_version(first));
    ASSERT_TRUE(second.ok());
    EXPECT_NE(second->version, first);
    EXPECT_TRUE(send(source(content), Write::if_version(first)).is(Code::exists));
    EXPECT_EQ(bucket_.head("k")->version, second->version);
  }
}

TEST_F(TransferTest, ADamagedRangeIsReadAgain) {
  bucket_.set("k", {bytes_});
  std::atomic<int> damaged{0}, most{1};
  bucket_.bend = [&](const std::string&, std::string& piece) {
    if (piece.size() == 500 && damaged++ < most) piece[250] ^= 1;  // the last range alone
  };
  std::string got;
  auto object = fetch(got);
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(got, bytes_);
  EXPECT_EQ(damaged, 2);
  damaged = 0;
  most = 100;
  EXPECT_TRUE(fetch(got).is(Code::transient));
  EXPECT_EQ(damaged, 3);
}

TEST_F(TransferTest, WhatNobodyHasAChecksumOfIsGivenOne) {
  bucket_.set("k", {bytes_, "", "", false});
  std::string got;
  auto object = fetch(got);
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(object->crc32c, std::optional(crc32c(bytes_)));
}

}  // namespace
}  // namespace baton
