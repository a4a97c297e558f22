#include "agent/deliver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "os/files.h"

namespace baton {
namespace {

class Deliver : public testing::Test {
 protected:
  void SetUp() override { fill("first"); }
  void fill(const std::string& content) {
    ASSERT_TRUE(make_dirs(from() + "/sub").ok());
    ASSERT_TRUE(replace_file(from() + "/sub/log.csv", content, false).ok());
  }
  std::string from() { return dir_->path() + "/work"; }
  std::string results() { return dir_->path() + "/out/results"; }
  std::string read(const std::string& name) { return read_file(results() + "/" + name).value(); }
  Result<TempDir> dir_ = TempDir::create("deliver");
};

TEST_F(Deliver, FilesAreThereAndLatestPointsAtThem) {
  auto delivered = deliver(from(), results(), "job-a");
  ASSERT_TRUE(delivered.ok()) << delivered.error().text();
  EXPECT_EQ(delivered->path, results() + "/job-a");
  EXPECT_EQ(read("latest/sub/log.csv"), "first");
}

TEST_F(Deliver, AnEarlierDeliveryIsKept) {
  ASSERT_TRUE(deliver(from(), results(), "job-a").ok());
  fill("second");
  ASSERT_TRUE(deliver(from(), results(), "job-a").ok());
  fill("third");
  ASSERT_TRUE(deliver(from(), results(), "job-a").ok());
  EXPECT_EQ(read("job-a/sub/log.csv"), "third");
  EXPECT_EQ(read("job-a.1/sub/log.csv"), "first");
  EXPECT_EQ(read("job-a.2/sub/log.csv"), "second");
}

TEST_F(Deliver, NothingIsDeliveredFromAnEmptyDirectory) {
  ASSERT_TRUE(make_dirs(dir_->path() + "/empty").ok());
  auto delivered = deliver(dir_->path() + "/empty", results(), "job-a");
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(delivered->path, "");
  EXPECT_FALSE(exists(results()));
}

TEST_F(Deliver, AUsersOwnLatestStays) {
  ASSERT_TRUE(make_dirs(results() + "/latest").ok());
  ASSERT_TRUE(deliver(from(), results(), "job-a").ok());
  EXPECT_TRUE(is_directory(results() + "/latest"));
  EXPECT_FALSE(exists(results() + "/latest/sub"));
}

TEST_F(Deliver, LinksOutsideAreLeftOutAndNamed) {
  ASSERT_EQ(symlink("/etc/passwd", (from() + "/bad").c_str()), 0);
  ASSERT_EQ(symlink("../../../etc/passwd", (from() + "/sub/worse").c_str()), 0);
  ASSERT_EQ(symlink("../sub/log.csv", (from() + "/sub/good").c_str()), 0);
  auto delivered = deliver(from(), results(), "job-a");
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(delivered->left_out.size(), 2u);
  EXPECT_EQ(read("job-a/sub/good"), "first");
  char target[8];
  EXPECT_EQ(readlink((results() + "/job-a/bad").c_str(), target, sizeof target), -1);
}

TEST_F(Deliver, CopiesToAnotherFilesystem) {
  auto other = TempDir::create("deliver", "/dev/shm");
  ASSERT_TRUE(other.ok()) << "this test needs a writable /dev/shm";
  ASSERT_TRUE(symlink("sub/log.csv", (from() + "/link").c_str()) == 0);
  auto delivered = deliver(from(), other->path() + "/results", "job-a");
  ASSERT_TRUE(delivered.ok()) << delivered.error().text();
  EXPECT_EQ(read_file(other->path() + "/results/job-a/link").value(), "first");
}

}  // namespace
}  // namespace baton
