#include "agent/cached_tree.h"

#include <gtest/gtest.h>

#include "os/files.h"

namespace baton {
namespace {

class CachedTree : public ::testing::Test {
 protected:
  Result<std::string> get(const std::function<Status(const std::string&)>& fill) {
    return cached_tree(home_.path(), "kind", "hash", fill);
  }
  static Status make(const std::string& tree) {
    BATON_TRY(make_dirs(tree + "/sub"));
    return replace_file(tree + "/sub/file", "content", false);
  }
  TempDir home_ = TempDir::create("baton-cached").value();
};

TEST_F(CachedTree, IsMadeOnce) {
  int made = 0;
  for (int i = 0; i < 2; ++i) {
    auto tree = get([&](const std::string& path) {
      ++made;
      return make(path);
    });
    ASSERT_TRUE(tree.ok());
    EXPECT_EQ(read_file(*tree + "/sub/file").value(), "content");
  }
  EXPECT_EQ(made, 1);
}

TEST_F(CachedTree, APartOfOneIsNeverSeen) {
  auto failed = get([](const std::string& path) -> Status {
    BATON_TRY(make(path));
    return Error{Code::no_space, "the disk is full", ""};
  });
  EXPECT_TRUE(failed.is(Code::no_space));
  EXPECT_TRUE(list_dir(home_.path() + "/cache/kind").value().empty());
  EXPECT_TRUE(get(make).ok());
}

TEST_F(CachedTree, TheFirstOfTwoWins) {
  auto tree = get([&](const std::string& path) -> Status {
    auto other = get([](const std::string& place) -> Status {
      BATON_TRY(make(place));
      return replace_file(place + "/first", "", false);
    });
    EXPECT_TRUE(other.ok());
    return make(path);
  });
  ASSERT_TRUE(tree.ok());
  EXPECT_TRUE(exists(*tree + "/first"));
  EXPECT_EQ(list_dir(home_.path() + "/cache/kind").value().size(), 1U);
}

}  // namespace
}  // namespace baton
