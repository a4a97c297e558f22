#include "engine/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "os/files.h"

namespace baton {
namespace {

constexpr char kHybrid[] =
    "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST(CgroupTrees, FindsVersionOneControllersAlsoWhereTheyShareAHierarchy) {
  auto trees = parse_cgroup_trees(kHybrid, "4:memory:/a/b:c\n3:cpu,cpuacct:/\n2:pids:/x\n0::/u\n");
  EXPECT_EQ(trees.v1,
            (std::map<std::string, std::string>{{"cpu", "/sys/fs/cgroup/cpu,cpuacct"},
                                                {"memory", "/sys/fs/cgroup/memory/a/b:c"}}));
  EXPECT_EQ(trees.v2_root, "/sys/fs/cgroup/unified");
  EXPECT_EQ(trees.v2_own, "/u");
}

TEST(CgroupTrees, FindsOurselvesUnderAMountOfASubtree) {
  // As in a container without a cgroup namespace of its own.
  auto trees =
      parse_cgroup_trees("1 1 0:1 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                         "4:memory:/docker/x/y\n");
  EXPECT_EQ(trees.v1["memory"], "/sys/fs/cgroup/memory/y");
}

TEST(CgroupTrees, PathsOutsideOfWhatIsMountedAreUnknown) {
  EXPECT_TRUE(parse_cgroup_trees("1 1 0:1 /docker/x /c ro - cgroup cgroup rw,memory\n",
                                 "4:memory:/docker/xy\n")
                  .v1.empty());
  EXPECT_EQ(parse_cgroup_trees("1 1 0:1 / /c rw - cgroup2 cgroup2 rw\n", "0::/../other\n").v2_root,
            "");
}

TEST(CgroupTrees, UnescapesMountPoints) {
  auto trees = parse_cgroup_trees("1 1 0:1 / /my\\040cgroups rw - cgroup2 cgroup2 rw\n", "0::/\n");
  EXPECT_EQ(trees.v2_root, "/my cgroups");
  EXPECT_EQ(trees.v2_own, "/");
}

TEST(CgroupTrees, SurvivesGarbage) {
  for (const char* text :
       {"", "\n\n", "a b c", " - ", "1 2 3 4 5 - cgroup", ":::", "0:", "::::\n0::"})
    for (const char* other : {"", "0::/", "x", "4:memory"}) {
      auto trees = parse_cgroup_trees(text, other);
      EXPECT_EQ(cgroup_support(trees).version, 0);
    }
}

// A version 2 tree of plain files: enough to choose a place in it.
class CgroupTwo : public ::testing::Test {
 protected:
  void add(const std::string& path, const std::string& enabled) {
    ASSERT_TRUE(make_dirs(root() + path).ok());
    ASSERT_TRUE(
        replace_file(root() + path + "/cgroup.subtree_control", enabled + "\n", false).ok());
    ASSERT_TRUE(replace_file(root() + path + "/cgroup.procs", "", false).ok());
  }
  CgroupTrees own(const std::string& path) {
    CgroupTrees trees;
    trees.v2_root = root();
    trees.v2_own = path;
    return trees;
  }
  std::string root() { return dir_.path(); }
  TempDir dir_ = std::move(TempDir::create("baton-cgroup")).value();
};

TEST_F(CgroupTwo, APlaceBesideOurOwnKeepsTheLimitsAboveUs) {
  add("", "cpu memory pids");
  add("/user.slice", "cpu memory pids");
  add("/user.slice/session", "");
  auto support = cgroup_support(own("/user.slice/session"));
  EXPECT_EQ(support.version, 2);
  EXPECT_EQ(support.parent, root() + "/user.slice");
  EXPECT_TRUE(support.missing.empty());
}

TEST_F(CgroupTwo, InTheRootItIsBelow) {
  add("", "cpu memory pids");
  EXPECT_EQ(cgroup_support(own("/")).parent, root());
}

TEST_F(CgroupTwo, AControllerThatCannotBeEnabledIsMissing) {
  add("", "memory");
  add("/a", "memory");
  add("/a/b", "");
  auto support = cgroup_support(own("/a/b"));
  EXPECT_EQ(support.version, 2);
  EXPECT_EQ(support.missing.count("memory"), 0U);
  EXPECT_EQ(support.missing.count("cpu"), 1U);
}

TEST(Cgroup, ARecordThatNamesAnotherDirectoryIsRefused) {
  auto dir = std::move(TempDir::create("baton-cgroup")).value();
  for (const char* text :
       {"memory\t/etc\n", "\t/sys/fs/cgroup/../../baton-x\n", "memory\t/c/baton-y\n"}) {
    ASSERT_TRUE(replace_file(dir.path() + "/r", text, false).ok());
    EXPECT_TRUE(Cgroup::open("x", dir.path() + "/r").is(Code::corrupt)) << text;
  }
  EXPECT_TRUE(Cgroup::open("x", dir.path() + "/absent").ok());
}

TEST(Cgroup, WhatCannotBeLimitedIsSaid) {
  auto dir = std::move(TempDir::create("baton-cgroup")).value();
  auto group = Cgroup::create(CgroupTrees{}, "x", {1.5, 1 << 20, 10}, dir.path() + "/r");
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->warnings().size(), 3U) << "one for each limit that was asked for";
  EXPECT_TRUE(group->join_files().empty());
  EXPECT_EQ(group->join_directory(), "");
  EXPECT_TRUE(group->remove().ok());
}

}  // namespace
}  // namespace baton
