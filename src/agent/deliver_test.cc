#include "agent/deliver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>

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

TEST_F(Deliver, LinksOutsideThroughAnotherLinkAreLeftOut) {
  ASSERT_EQ(symlink(".", (from() + "/d").c_str()), 0);
  ASSERT_EQ(symlink("d/d/d/d/../../../../etc/passwd", (from() + "/x").c_str()), 0);
  auto delivered = deliver(from(), results(), "job-a");
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(delivered->left_out, std::vector<std::string>{"x"});
  EXPECT_EQ(read("job-a/d/d/sub/log.csv"), "first");
}

// On this very filesystem, and on another one.
class DeliverTo : public Deliver, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Deliver::SetUp();
    std::string place = GetParam();
    other_.emplace(TempDir::create("deliver", place.empty() ? dir_->path() : place));
    ASSERT_TRUE(other_->ok()) << "this test needs a writable " << place;
  }
  std::string to() const { return (*other_)->path() + "/results"; }
  std::optional<Result<TempDir>> other_;
};

TEST_P(DeliverTo, KeepsModesTimesAndLinks) {
  const std::string file = from() + "/sub/log.csv";
  ASSERT_EQ(symlink("sub/log.csv", (from() + "/link").c_str()), 0);
  ASSERT_EQ(chmod(file.c_str(), 0750), 0);
  const timespec times[2] = {{1'000'000'000, 5}, {1'000'000'000, 7}};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  ASSERT_EQ(utimensat(AT_FDCWD, (from() + "/sub").c_str(), times, 0), 0);
  ASSERT_EQ(chmod((from() + "/sub").c_str(), 0555), 0);
  auto delivered = deliver(from(), to(), "job-a");
  ASSERT_TRUE(delivered.ok()) << delivered.error().text();
  EXPECT_EQ(read_file(to() + "/job-a/link").value(), "first");
  for (const char* name : {"sub/log.csv", "sub"}) {
    struct stat info {};
    ASSERT_EQ(stat((to() + "/job-a/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, S_ISDIR(info.st_mode) ? 0555U : 0750U) << name;
    EXPECT_EQ(info.st_mtim.tv_sec, 1'000'000'000) << name;
    EXPECT_EQ(info.st_mtim.tv_nsec, 7) << name;
  }
}

TEST_P(DeliverTo, LeavesOutWhatIsNoFile) {
  ASSERT_EQ(mkfifo((from() + "/sub/pipe").c_str(), 0644), 0);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (from() + "/s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  auto delivered = deliver(from(), to(), "job-a");
  ASSERT_TRUE(delivered.ok()) << delivered.error().text();
  EXPECT_EQ(list_dir(to() + "/job-a").value(), std::vector<std::string>{"sub"});
  EXPECT_EQ(list_dir(to() + "/job-a/sub").value(), std::vector<std::string>{"log.csv"});
}

TEST_P(DeliverTo, GivesNobodyTheRightsOfTheOwner) {
  ASSERT_EQ(chmod((from() + "/sub/log.csv").c_str(), 06755), 0);
  ASSERT_EQ(chmod((from() + "/sub").c_str(), 01777), 0);
  ASSERT_TRUE(deliver(from(), to(), "job-a").ok());
  struct stat info {};
  ASSERT_EQ(stat((to() + "/job-a/sub/log.csv").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755U);
  ASSERT_EQ(stat((to() + "/job-a/sub").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0777U);
}

TEST_P(DeliverTo, HolesStayHoles) {
  const std::string file = from() + "/sparse";
  {
    Fd fd = open_file(file, O_WRONLY | O_CREAT).value();
    ASSERT_EQ(ftruncate(fd.get(), 64 << 20), 0);
    ASSERT_EQ(pwrite(fd.get(), "end", 3, 32 << 20), 3);
  }
  ASSERT_TRUE(deliver(from(), to(), "job-a").ok());
  struct stat info {};
  ASSERT_EQ(stat((to() + "/job-a/sparse").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 64 << 20);
  EXPECT_LT(info.st_blocks * 512, 8 << 20);
  std::string read(3, ' ');
  Fd fd = open_file(to() + "/job-a/sparse", O_RDONLY).value();
  ASSERT_EQ(pread(fd.get(), read.data(), 3, 32 << 20), 3);
  EXPECT_EQ(read, "end");
}

INSTANTIATE_TEST_SUITE_P(All, DeliverTo, testing::Values("", "/dev/shm"));

}  // namespace
}  // namespace baton
