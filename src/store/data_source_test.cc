#include "store/data_source.h"

#include <gtest/gtest.h>

#include "store/fake_bucket.h"

namespace baton {
namespace {

class DataSourceTest : public testing::Test {
 protected:
  DataSourceTest() { clock_.set_auto_advance(true); }

  // What "fake://bucket/set" gives; its parent holds `parent_`.
  Result<DataSource> list(std::function<Status(uint64_t)> found = {}) {
    auto open = [&](const std::string& url) -> Result<std::unique_ptr<Bucket>> {
      if (url == "fake://bucket/set") return std::unique_ptr<Bucket>(std::move(set_));
      if (url == "fake://bucket" && parent_) return std::unique_ptr<Bucket>(std::move(parent_));
      return Error{Code::invalid, "no bucket", ""};
    };
    if (!found) found = [](uint64_t) { return Status(); };
    return list_data("fake://bucket/set", open, clock_, found);
  }
  void add(const std::string& key, const std::string& bytes = "x") { set_->set(key, {bytes}); }
  std::string names(const Result<DataSource>& source) {
    if (!source.ok()) return source.error().message;
    std::string text;
    for (const DataFile& file : source->files) text += file.name + ";";
    return text;
  }

  ManualClock clock_;
  std::unique_ptr<FakeBucket> set_ = std::make_unique<FakeBucket>();
  std::unique_ptr<FakeBucket> parent_ = std::make_unique<FakeBucket>();
};

TEST_F(DataSourceTest, AllPagesInOrderWithoutDirectories) {
  set_->page = 2;
  add("dir/", "");     // as some tools make directories
  add("dir", "");      // as others do
  add("dir/sub", "");  // of which one lies in another
  for (const char* name : {"dir/sub/a", "b", "a", "dir.x", "empty"}) add(name);
  add("empty", "");  // but this is a file
  auto source = list();
  EXPECT_EQ(names(source), "a;b;dir.x;dir/sub/a;empty;");
  EXPECT_FALSE(source->single);
  EXPECT_EQ(source->bytes(), 4U);
}

TEST_F(DataSourceTest, AFileThatIsADirectoryTooIsRefused) {
  add("dir", "content");
  add("dir/a");
  auto source = list();
  EXPECT_TRUE(source.is(Code::invalid));
  EXPECT_NE(names(source).find("both an object \"dir\" and others below"), std::string::npos);
}

TEST_F(DataSourceTest, NamesThatNoFileCanHaveAreRefused) {
  for (const std::string& name : {std::string("a//b"), std::string("../a"), std::string("a/./b"),
                                  "a/" + std::string(256, 'x')}) {
    set_ = std::make_unique<FakeBucket>();
    add(name);
    auto source = list();
    EXPECT_TRUE(source.is(Code::invalid)) << name;
    EXPECT_NE(names(source).find("no file can have that name"), std::string::npos);
  }
}

TEST_F(DataSourceTest, OneObjectOfThatVeryName) {
  parent_->set("set", {"one", "v", "md5:" + std::string(32, '1')});
  auto source = list();
  EXPECT_EQ(names(source), "set;");
  EXPECT_TRUE(source->single);
  EXPECT_EQ(source->files[0].content(), "md5:" + std::string(32, '1'));
}

TEST_F(DataSourceTest, NothingAtAll) {
  EXPECT_TRUE(list().is(Code::not_found));
  set_ = std::make_unique<FakeBucket>();
  parent_.reset();
  EXPECT_TRUE(list().is(Code::not_found));
}

TEST_F(DataSourceTest, VersionsThatAListingLacksAreAskedFor) {
  set_->listed_versions = false;
  for (const char* name : {"a", "b", "c"}) add(name);
  auto* set = set_.get();
  auto source = list();
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(set->asked("head"), 3U);
  for (const DataFile& file : source->files) EXPECT_NE(file.version, "");
}

TEST_F(DataSourceTest, ErrorsOfTheServiceAndOfWhoWaits) {
  set_->before = [](const std::string&, const std::string&) -> Status {
    return Error{Code::denied, "not you", ""};
  };
  EXPECT_TRUE(list().is(Code::denied));
  set_ = std::make_unique<FakeBucket>();
  add("a");
  auto enough = [](uint64_t files) -> Status {
    return files ? Status(Error{Code::cancelled, "enough", ""}) : Status();
  };
  EXPECT_TRUE(list(enough).is(Code::cancelled));
  set_ = std::make_unique<FakeBucket>();
  set_->listed_versions = false;
  add("a");
  set_->before = [](const std::string& what, const std::string&) -> Status {
    return what == "head" ? Status(Error{Code::denied, "not you", ""}) : Status();
  };
  EXPECT_TRUE(list().is(Code::denied));
}

TEST_F(DataSourceTest, ADigestIsOfContentsWhereTheyAreKnown) {
  const std::string sum = "md5:" + std::string(32, '1');
  DataFile a{"a", 1, "v1", sum}, b{"a", 1, "v2", sum};
  EXPECT_EQ(data_digest({a}), data_digest({b}));
  b.size = 2;
  EXPECT_NE(data_digest({a}), data_digest({b}));
  b.size = 1;
  for (const std::string& guess : {"md5?:" + std::string(32, '1'), std::string("crc64nvme:1")}) {
    a.sum = b.sum = guess;  // others may have it
    EXPECT_NE(data_digest({a}), data_digest({b}));
  }
}

}  // namespace
}  // namespace baton
