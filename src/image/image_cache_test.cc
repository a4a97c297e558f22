#include "image/image_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <thread>

#include "image/host_image.h"
#include "os/file_lock.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ImageCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create("images");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(std::move(dir).value());
    cache_.emplace(home());
  }
  std::string home() const { return dir_->path(); }
  static Json record(const std::string& name) { return {{"form", "debian"}, {"suite", name}}; }

  Result<Image> make(const Json& what) {
    auto build = cache_->begin(record_id(what), [] {});
    if (!build.ok()) return build.error();
    BATON_TRY(make_dirs(build->root() + "/usr/bin"));
    BATON_TRY(replace_file(build->root() + "/usr/bin/tool", std::string(100'000, 'x'), false));
    return cache_->publish(std::move(build).value(), what, home() + "/no-log");
  }

  std::optional<TempDir> dir_;
  std::optional<ImageCache> cache_;
};

TEST_F(ImageCacheTest, PublishesAndFinds) {
  auto image = make(record("trixie"));
  ASSERT_TRUE(image.ok()) << image.error().text();
  EXPECT_EQ(image->id, record_id(record("trixie")));
  ASSERT_THAT(image->layers, SizeIs(1));
  EXPECT_TRUE(exists(image->layers[0] + "/usr/bin/tool"));
  auto found = cache_->find(image->id);
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->layers, image->layers);
  auto list = cache_->list();
  ASSERT_TRUE(list.ok());
  ASSERT_THAT(*list, SizeIs(1));
  EXPECT_GE((*list)[0].size, 100'000u);
  EXPECT_EQ((*list)[0].record, record("trixie"));
  EXPECT_GT((*list)[0].used_ms, 0);
}

TEST_F(ImageCacheTest, AnIdDoesNotDependOnTheOrderOfKeys) {
  EXPECT_EQ(record_id({{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}}),
            record_id({{"b", {{"d", 3}, {"c", 2}}}, {"a", 1}}));
  EXPECT_NE(record_id({{"a", 1}}), record_id({{"a", 2}}));
}

TEST_F(ImageCacheTest, AnEmptyHomeHasNoImages) {
  auto list = cache_->list();
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(*list, IsEmpty());
  auto found = cache_->find(std::string(64, '0'));
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->has_value());
  EXPECT_TRUE(cache_->remove("abc").is(Code::not_found));
  auto removed = cache_->remove_unused({});
  ASSERT_TRUE(removed.ok());
  EXPECT_THAT(*removed, IsEmpty());
}

TEST_F(ImageCacheTest, RemembersWhatARequestBecame) {
  auto image = make(record("trixie"));
  ASSERT_TRUE(image.ok());
  Json request = {{"suite", "trixie"}};
  EXPECT_FALSE(cache_->find_request(request)->has_value());
  ASSERT_TRUE(cache_->remember_request(request, image->id).ok());
  ASSERT_TRUE(cache_->find_request(request)->has_value());
  ASSERT_TRUE(cache_->remove(image->id).ok());
  EXPECT_FALSE(cache_->find_request(request)->has_value());
}

TEST_F(ImageCacheTest, RemovesByPrefixOnlyWhatIsNotInUse) {
  auto one = make(record("trixie"));
  auto two = make(record("bookworm"));
  ASSERT_TRUE(one.ok() && two.ok());
  {
    auto use = ImageUse::hold(*one);
    auto also = ImageUse::hold(*one);
    ASSERT_TRUE(use.ok() && also.ok());
    Status refused = cache_->remove(one->id.substr(0, 12));
    ASSERT_TRUE(refused.is(Code::invalid));
    EXPECT_THAT(refused.error().message, HasSubstr("in use"));
    EXPECT_TRUE(exists(one->layers[0] + "/usr/bin/tool"));
  }
  EXPECT_TRUE(cache_->remove("").is(Code::not_found));
  EXPECT_TRUE(cache_->remove("../..").is(Code::not_found));
  EXPECT_TRUE(cache_->remove(one->id.substr(0, 12)).ok());
  EXPECT_FALSE(exists(parent_path(one->layers[0])));
  EXPECT_TRUE(exists(two->layers[0]));
  EXPECT_TRUE(ImageUse::hold(*one).is(Code::not_found));
}

TEST_F(ImageCacheTest, AnAmbiguousPrefixIsRefused) {
  // Two ids with one first digit must exist among 17 images.
  std::map<char, std::string> first;
  for (int i = 0; i < 17; ++i) {
    auto image = make(record("s" + std::to_string(i)));
    ASSERT_TRUE(image.ok());
    if (!first.emplace(image->id[0], image->id).second) {
      EXPECT_TRUE(cache_->remove(image->id.substr(0, 1)).is(Code::invalid));
      return;
    }
  }
  FAIL() << "17 different first digits";
}

TEST_F(ImageCacheTest, RemovesWhatNobodyNeeds) {
  auto kept = make(record("a")), used = make(record("b")), unused = make(record("c"));
  ASSERT_TRUE(kept.ok() && used.ok() && unused.ok());
  auto use = ImageUse::hold(*used);
  ASSERT_TRUE(use.ok());
  auto removed = cache_->remove_unused({kept->id});
  ASSERT_TRUE(removed.ok());
  EXPECT_THAT(*removed, ElementsAre(unused->id));
  EXPECT_EQ(cache_->list()->size(), 2u);
}

TEST_F(ImageCacheTest, SweepsAwayWhatDeadBuildsLeft) {
  std::string building = home() + "/images/.building/";
  ASSERT_TRUE(make_dirs(building + "dead/root/etc").ok());
  ASSERT_TRUE(replace_file(building + "dead.lock", "", false).ok());
  ASSERT_TRUE(make_dirs(building + "lockless/root").ok());
  ASSERT_TRUE(make_dirs(building + "alive/root").ok());
  auto alive = lock_file(building + "alive.lock", LockMode::exclusive, [] {});
  ASSERT_TRUE(alive.ok());
  ASSERT_TRUE(make_dirs(building + record_id(record("x")) + "/root/stale").ok());
  auto build = cache_->begin(record_id(record("x")), [] {});
  ASSERT_TRUE(build.ok());
  EXPECT_FALSE(exists(build->root()));
  EXPECT_FALSE(exists(building + "dead"));
  EXPECT_FALSE(exists(building + "dead.lock"));
  EXPECT_FALSE(exists(building + "lockless"));
  EXPECT_TRUE(exists(building + "alive/root"));
}

TEST_F(ImageCacheTest, AnAbandonedBuildLeavesNothing) {
  {
    auto build = cache_->begin(record_id(record("x")), [] {});
    ASSERT_TRUE(build.ok());
    ASSERT_TRUE(make_dirs(build->root() + "/usr").ok());
  }
  EXPECT_THAT(*list_dir(home() + "/images/.building"), IsEmpty());
}

TEST_F(ImageCacheTest, ASecondBuilderWaitsForTheFirst) {
  std::string id = record_id(record("x"));
  auto first = cache_->begin(id, [] { ADD_FAILURE() << "nobody to wait for"; });
  ASSERT_TRUE(first.ok());
  std::promise<void> waiting;
  auto second = std::async(std::launch::async, [&] {
    ImageCache other(home());
    auto build = other.begin(id, [&] { waiting.set_value(); });
    EXPECT_TRUE(build.ok());
    return other.find(id)->has_value();
  });
  waiting.get_future().wait();
  ASSERT_TRUE(make_dirs(first->root()).ok());
  ASSERT_TRUE(cache_->publish(std::move(first).value(), record("x"), home() + "/no-log").ok());
  EXPECT_TRUE(second.get());
}

TEST_F(ImageCacheTest, ADamagedImageIsMadeAgain) {
  auto image = make(record("x"));
  ASSERT_TRUE(image.ok());
  for (const char* file : {"/record.json", "/info.json"}) {
    ASSERT_TRUE(replace_file(parent_path(image->layers[0]) + file, "{\"form\":", false).ok());
    EXPECT_FALSE(cache_->find(image->id)->has_value());
    EXPECT_THAT(*cache_->list(), IsEmpty());
    ASSERT_TRUE(make(record("x")).ok());
    EXPECT_TRUE(cache_->find(image->id)->has_value());
  }
}

TEST_F(ImageCacheTest, AnImageOfAnotherOwnerIsRefused) {
  auto image = make(record("x"));
  ASSERT_TRUE(image.ok());
  std::string info = parent_path(image->layers[0]) + "/info.json";
  ASSERT_TRUE(
      replace_file(info, R"({"size": 1, "created_ms": 1, "owner": "someone"})", false).ok());
  auto found = cache_->find(image->id);
  ASSERT_TRUE(found.is(Code::invalid));
  EXPECT_THAT(found.error().hint, HasSubstr("BATON_HOME"));
}

TEST(FileLock, ALockOnARemovedFileIsTakenAnew) {
  auto dir = TempDir::create("lock");
  ASSERT_TRUE(dir.ok());
  std::string path = dir->path() + "/sub/lock";
  auto first = lock_file(path, LockMode::exclusive, [] {});
  ASSERT_TRUE(first.ok());
  std::promise<void> waiting;
  auto second = std::async(std::launch::async, [&] {
    return lock_file(path, LockMode::exclusive, [&] { waiting.set_value(); });
  });
  waiting.get_future().wait();
  ASSERT_EQ(::unlink(path.c_str()), 0);
  first->reset();
  auto got = second.get();
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(exists(path));
  EXPECT_TRUE(try_lock_file(path, LockMode::shared).is(Code::exists));
  got->reset();
  EXPECT_TRUE(try_lock_file(path, LockMode::shared).ok());
  EXPECT_TRUE(try_lock_file(dir->path() + "/none", LockMode::shared).is(Code::not_found));
}

TEST(HostImage, RecordsTheSystemAndIsRefusedElsewhere) {
  auto dir = TempDir::create("host");
  ASSERT_TRUE(dir.ok());
  std::string release = dir->path() + "/os-release";
  ASSERT_TRUE(replace_file(release,
                           "NAME=x\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME='bookworm'\n",
                           false)
                  .ok());
  EXPECT_EQ(os_release_field(release, "VERSION_CODENAME"), "bookworm");
  EXPECT_EQ(os_release_field(release, "ABSENT"), "");
  Image image = host_image(release);
  EXPECT_TRUE(image.host);
  EXPECT_THAT(image.layers, IsEmpty());
  EXPECT_EQ(get_string(image.record, "os"), "debian");
  EXPECT_EQ(get_string(image.record, "version"), "12");
  EXPECT_TRUE(ImageUse::hold(image).ok());

  Json moved = image.record;
  moved["kernel"] = "1.0";
  auto same = host_image_from_record(moved, release);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->record, moved);
  moved["version"] = "11";
  auto other = host_image_from_record(moved, release);
  ASSERT_TRUE(other.is(Code::unsupported));
  EXPECT_THAT(other.error().message, HasSubstr("debian 11"));
}

}  // namespace
}  // namespace baton
