#include "store/data_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <utility>

#include "base/hash.h"
#include "os/files.h"
#include "store/fake_bucket.h"

namespace baton {
namespace {

class DataCacheTest : public testing::Test {
 protected:
  DataCacheTest() { clock_.set_auto_advance(true); }

  DataSource source(const std::string& name, const std::string& bytes) {
    DataSource made;
    auto bucket = std::make_shared<FakeBucket>();
    bucket->set(name, {bytes, "v-" + sha256_hex(bytes).substr(0, 8)});
    auto there = bucket->head(name);
    made.files = {{name, there->size, there->version}};
    made.identity = bucket->identity();
    made.bucket = bucket;
    last_ = bucket;
    return made;
  }
  static std::string id(const DataSource& made) {
    return data_id(made.identity, data_digest(made.files), "");
  }
  Result<StagedData> stage(DataCache& cache, const DataSource& made, const std::string& sha = "") {
    return cache.stage(id(made), made, sha, {}, [this] { ++waited_; });
  }

  TempDir dir_ = TempDir::create("baton-data").value();
  ManualClock clock_;
  std::shared_ptr<FakeBucket> last_;
  int waited_ = 0;
};

TEST_F(DataCacheTest, StagedOnceAndFoundAgain) {
  DataCache cache(dir_.path(), 1 << 20, clock_);
  DataSource made = source("a", "content");
  auto none = cache.find(id(made));
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  auto staged = stage(cache, made);
  ASSERT_TRUE(staged.ok());
  EXPECT_EQ(*read_file(staged->path + "/a"), "content");
  auto found = cache.find(id(made));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->path, staged->path);
  ASSERT_TRUE(stage(cache, made).ok());
  EXPECT_EQ(last_->asked("get"), 1U);
  EXPECT_EQ(waited_, 0);
}

TEST_F(DataCacheTest, WhatTwoSourcesShareIsOneFile) {
  DataCache cache(dir_.path(), 1 << 20, clock_);
  DataSource first = source("a", "content"), second = source("a", "content");
  last_->set("b", {"more", "v-b"});
  second.files.push_back({"b", 4, "v-b"});
  auto one = stage(cache, first), two = stage(cache, second);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(last_->asked("get"), 1U);  // b alone
  struct stat a {
  }, b{};
  ASSERT_EQ(stat((one->path + "/a").c_str(), &a), 0);
  ASSERT_EQ(stat((two->path + "/a").c_str(), &b), 0);
  EXPECT_EQ(a.st_ino, b.st_ino);
}

TEST_F(DataCacheTest, TooLargeIsRefusedUnread) {
  DataCache cache(dir_.path(), 100, clock_);
  auto staged = stage(cache, source("a", std::string(101, 'x')));
  EXPECT_TRUE(staged.is(Code::no_space));
  EXPECT_EQ(last_->asked("get"), 0U);
}

TEST_F(DataCacheTest, WhatIsHeldStaysAndWhatIsNotMakesRoom) {
  const std::string bytes(300'000, 'x');
  DataCache cache(dir_.path(), 700'000, clock_);
  auto held = stage(cache, source("held", bytes));
  ASSERT_TRUE(held.ok());
  DataSource old = source("old", bytes);
  ASSERT_TRUE(stage(cache, old).ok());
  auto fresh = stage(cache, source("fresh", bytes));
  ASSERT_TRUE(fresh.ok()) << fresh.error().message;
  EXPECT_FALSE(cache.find(id(old))->has_value());
  EXPECT_TRUE(exists(held->path));
  auto refused = stage(cache, source("more", bytes));
  EXPECT_TRUE(refused.is(Code::no_space));
  EXPECT_NE(refused.error().message.find("running jobs use"), std::string::npos);
}

TEST_F(DataCacheTest, AFileOfAnotherShaLeavesNothing) {
  DataCache cache(dir_.path(), 1 << 20, clock_);
  DataSource made = source("a", "content");
  made.single = true;
  auto refused = stage(cache, made, std::string(64, '0'));
  EXPECT_TRUE(refused.is(Code::invalid));
  EXPECT_NE(refused.error().message.find("has the SHA-256 " + sha256_hex("content")),
            std::string::npos);
  EXPECT_FALSE(cache.find(id(made))->has_value());
  EXPECT_FALSE(exists(dir_.path() + "/" + id(made) + ".building"));
  auto staged = stage(cache, made, sha256_hex("content"));
  ASSERT_TRUE(staged.ok());
  EXPECT_EQ(*read_file(staged->path), "content");
}

TEST_F(DataCacheTest, WhatFailedIsGoneOnWith) {
  DataCache cache(dir_.path(), 1 << 20, clock_);
  DataSource made = source("a", "one");
  last_->set("b", {"two", "v-b"});
  made.files.push_back({"b", 3, "v-b"});
  last_->before = [](const std::string& what, const std::string& key) -> Status {
    return what == "get" && key == "b" ? Status(Error{Code::denied, "no", ""}) : Status();
  };
  FetchOptions options;
  options.parallel = 1;
  auto failed = cache.stage(id(made), made, "", options, [] {});
  EXPECT_TRUE(failed.is(Code::denied));
  EXPECT_FALSE(cache.find(id(made))->has_value());
  last_->before = nullptr;
  ASSERT_TRUE(stage(cache, made).ok());
  EXPECT_EQ(last_->asked("get"), 3U);  // a once, b twice
}

// Of two that are fetched at once, the second sees what the first has yet to take.
TEST_F(DataCacheTest, WhatIsBeingFetchedTakesItsPlaceBefore) {
  DataCache cache(dir_.path(), 700'000, clock_);
  DataSource large = source("large", std::string(400'000, 'x'));
  std::promise<void> begun, go_on;
  last_->before = [&, once = false](const std::string& what, const std::string&) mutable -> Status {
    if (what != "get" || std::exchange(once, true)) return {};
    begun.set_value();
    go_on.get_future().wait();
    return {};
  };
  auto first = std::async(std::launch::async, [&] { return stage(cache, large); });
  begun.get_future().wait();
  DataSource too_much = source("too much", std::string(400'000, 'y'));
  auto refused = stage(cache, too_much);
  EXPECT_TRUE(refused.is(Code::no_space));
  EXPECT_EQ(last_->asked("get"), 0U);
  EXPECT_TRUE(stage(cache, source("fits", std::string(200'000, 'z'))).ok());
  go_on.set_value();
  {
    auto staged = first.get();
    ASSERT_TRUE(staged.ok()) << staged.error().message;
    EXPECT_TRUE(stage(cache, too_much).is(Code::no_space));  // held
  }
  EXPECT_TRUE(stage(cache, too_much).ok());
}

// What was cut off holds no place against others.
TEST_F(DataCacheTest, WhatWasCutOffGivesWay) {
  DataCache cache(dir_.path(), 700'000, clock_);
  DataSource large = source("large", std::string(400'000, 'x'));
  last_->before = [](const std::string& what, const std::string&) -> Status {
    return what == "get" ? Status(Error{Code::denied, "no", ""}) : Status();
  };
  EXPECT_TRUE(stage(cache, large).is(Code::denied));
  EXPECT_TRUE(exists(dir_.path() + "/" + id(large) + ".building/wanted"));
  EXPECT_TRUE(stage(cache, source("other", std::string(600'000, 'y'))).ok());
}

// After a restart of the machine nothing tells what of it has reached the disk.
TEST_F(DataCacheTest, WhatAnotherBootHasLeftIsFetchedAnew) {
  DataCache cache(dir_.path(), 1 << 20, clock_);
  DataSource made = source("a", "one");
  last_->set("b", {"two", "v-b"});
  made.files.push_back({"b", 3, "v-b"});
  auto fail = [](const std::string& what, const std::string& key) -> Status {
    return what == "get" && key == "b" ? Status(Error{Code::denied, "no", ""}) : Status();
  };
  last_->before = fail;
  FetchOptions options;
  options.parallel = 1;
  EXPECT_TRUE(cache.stage(id(made), made, "", options, [] {}).is(Code::denied));
  const std::string building = dir_.path() + "/" + id(made) + ".building";
  ASSERT_TRUE(exists(building + "/tree/a"));
  ASSERT_TRUE(replace_file(building + "/tree/a", "torn", false).ok());
  ASSERT_TRUE(replace_file(building + "/boot", "another", false).ok());
  last_->before = nullptr;
  auto staged = stage(cache, made);
  ASSERT_TRUE(staged.ok());
  EXPECT_EQ(*read_file(staged->path + "/a"), "one");
  EXPECT_EQ(last_->asked("get"), 4U);  // each twice
}

}  // namespace
}  // namespace baton
