#include "agent/watch_dirs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/files.h"

namespace baton {
namespace {

class WatchDirs : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(make_dirs(parent_path(path(name))).ok());
    ASSERT_TRUE(replace_file(path(name), content, false).ok());
  }
  std::string path(const std::string& name) { return dir_->path() + "/" + name; }
  Result<TempDir> dir_ = TempDir::create("watch-dirs");
};

TEST_F(WatchDirs, AnyChangeShows) {
  uint64_t empty = look_at_tree(dir_->path()).signature;
  write("a/b.txt", "one");
  TreeLook first = look_at_tree(dir_->path());
  EXPECT_NE(first.signature, empty);
  EXPECT_EQ(first.bytes, 3u);
  EXPECT_EQ(first.entries, 2u);
  EXPECT_EQ(look_at_tree(dir_->path()).signature, first.signature);
  write("a/b.txt", "two");
  EXPECT_NE(look_at_tree(dir_->path()).signature, first.signature);
  TreeLook second = look_at_tree(dir_->path());
  ASSERT_EQ(chmod(path("a/b.txt").c_str(), 0600), 0);
  EXPECT_NE(look_at_tree(dir_->path()).signature, second.signature);
}

TEST_F(WatchDirs, SymlinksAreNotFollowed) {
  ASSERT_EQ(symlink("/usr", path("usr").c_str()), 0);
  EXPECT_EQ(look_at_tree(dir_->path()).entries, 1u);
  ASSERT_EQ(symlink(".", path("loop").c_str()), 0);
  EXPECT_EQ(look_at_tree(dir_->path()).entries, 2u);
}

TEST_F(WatchDirs, AMissingDirectoryIsEmpty) {
  EXPECT_EQ(look_at_tree(path("nowhere")).entries, 0u);
}

TEST_F(WatchDirs, AnOpenWriterIsSeenButAnAppenderIsNot) {
  write("model.pt", "weights");
  EXPECT_FALSE(has_open_writer({getpid()}, dir_->path()));
  Fd appender(open(path("model.pt").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  EXPECT_FALSE(has_open_writer({getpid()}, dir_->path()));
  Fd reader(open(path("model.pt").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(has_open_writer({getpid()}, dir_->path()));
  Fd writer(open(path("model.pt").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_TRUE(has_open_writer({getpid()}, dir_->path()));
  EXPECT_FALSE(has_open_writer({}, dir_->path()));
}

}  // namespace
}  // namespace baton
