#include "ledger/data_listing.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace baton {
namespace {

std::vector<DataFile> files(size_t count) {
  std::vector<DataFile> all;
  for (size_t i = 0; i < count; ++i)
    all.push_back({"part/" + std::to_string(i), i, "\"v" + std::to_string(i) + "\"",
                   i % 2 ? "md5:" + std::string(32, 'a') : "md5?:" + std::string(32, 'b')});
  return all;
}

TEST(DataListing, SaysWhatTheDigestIsOf) {
  for (size_t count : {0, 1, 100'000}) {
    auto packed = pack_listing(files(count));
    ASSERT_TRUE(packed.ok());
    EXPECT_EQ(packed->digest, data_digest(files(count)));
    std::string text;
    ASSERT_TRUE(unpack_listing(packed->frame, packed->digest, [&](std::string_view piece) {
                  text += piece;
                }).ok());
    EXPECT_EQ(sha256_hex(text), packed->digest);
    if (count == 1) {
      EXPECT_EQ(text, "0 \"v0\" part/0\n");
    }
    if (count > 1) {
      EXPECT_NE(text.find("\n1 md5:" + std::string(32, 'a') + " part/1\n"), std::string::npos);
      EXPECT_LT(packed->frame.size(), text.size() / 3);
    }
  }
}

TEST(DataListing, EveryDamageIsNoticed) {
  auto packed = pack_listing(files(200));
  ASSERT_TRUE(packed.ok());
  const std::string& good = packed->frame;
  auto refused = [&](const std::string& frame) {
    std::string text;
    Status status =
        unpack_listing(frame, packed->digest, [&](std::string_view piece) { text += piece; });
    // A few bits of a frame's header mean nothing.
    return status.ok() ? sha256_hex(text) == packed->digest && frame.size() == good.size()
                       : status.is(Code::corrupt);
  };
  size_t meaningless = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_TRUE(refused(bad)) << i;
    meaningless += unpack_listing(bad, packed->digest, nullptr).ok() ? 1 : 0;
    EXPECT_TRUE(unpack_listing(good.substr(0, i), packed->digest, nullptr).is(Code::corrupt)) << i;
  }
  EXPECT_LT(meaningless, 10U);
  EXPECT_TRUE(unpack_listing(good + "x", packed->digest, nullptr).is(Code::corrupt));
  EXPECT_TRUE(unpack_listing(good, std::string(64, '0'), nullptr).is(Code::corrupt));
  EXPECT_TRUE(unpack_listing("", packed->digest, nullptr).is(Code::corrupt));
}

TEST(DataListing, LiesWithItsJobOrItsSweep) {
  Job job;
  job.id = "261122-013422-k3f9q2";
  const std::string digest(64, 'd');
  EXPECT_EQ(listing_key(job, digest), "jobs/261122-013422-k3f9q2/data/" + digest);
  EXPECT_EQ(listing_digest(listing_key(job, digest)), digest);
  job.sweep = "261122-013422-k3f9q1";
  EXPECT_EQ(listing_key(job, digest), "sweeps/261122-013422-k3f9q1/data/" + digest);
  Job sweep;
  sweep.id = job.sweep;
  sweep.spec.sweep.emplace();
  EXPECT_EQ(listing_key(sweep, digest), listing_key(job, digest));
  EXPECT_EQ(listing_digest("jobs/x/blobs/" + digest), "");
  EXPECT_EQ(listing_digest("jobs/x/data/short"), "");
}

TEST(DataListing, TheCheckFindsMissingAndDamagedOnes) {
  auto store = make_mem_store();
  Job job;
  job.id = "261122-013422-k3f9q2";
  auto packed = pack_listing(files(3));
  ASSERT_TRUE(packed.ok());
  job.data = {{"/data", packed->digest, 3, 3}};
  auto kinds = [&](bool deep) {
    std::vector<Finding> findings;
    CheckOptions options{deep, [](uint64_t) {}};
    EXPECT_TRUE(check_listings(*store, job, "job x", options, findings).ok());
    std::string text;
    for (const Finding& finding : findings) text += finding.kind + ";";
    return text;
  };
  EXPECT_EQ(kinds(false) + kinds(true), "missing listing;missing listing;");
  EXPECT_TRUE(load_listing(*store, job, job.data[0]).is(Code::not_found));
  ASSERT_TRUE(store_listings(*store, job, {*packed}).ok());
  ASSERT_TRUE(store_listings(*store, job, {*packed}).ok());  // a submission that is repeated
  EXPECT_EQ(kinds(false) + kinds(true), "");
  const std::string key = listing_key(job, packed->digest);
  ASSERT_TRUE(store->remove(key).ok());
  ASSERT_TRUE(store->create(key, "no frame").ok());
  EXPECT_EQ(kinds(false), "");
  EXPECT_EQ(kinds(true), "damaged listing;");
}

}  // namespace
}  // namespace baton
