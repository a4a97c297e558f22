#include "agent/metrics_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/files.h"

namespace baton {
namespace {

class MetricsFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_dirs(results()).ok());
    ASSERT_TRUE(make_dirs(dir_->path() + "/metrics").ok());
  }
  std::string path() const { return dir_->path() + "/metrics/metrics.jsonl"; }
  std::string results() const { return dir_->path() + "/results"; }
  std::string add() const { return add_metrics_files(path(), "title", results()); }
  std::vector<std::string> there() const { return list_dir(results()).value(); }

  Result<TempDir> dir_ = TempDir::create("metrics");
};

const char kRow[] = "{\"loss\":0.5}\n";

TEST_F(MetricsFilesTest, AreTheMetricsAndAPicture) {
  ASSERT_TRUE(replace_file(path(), kRow, false).ok());
  EXPECT_EQ(add(), "");
  EXPECT_EQ(read_file(results() + "/metrics.jsonl").value(), kRow);
  EXPECT_NE(read_file(results() + "/metrics.svg").value().find("<svg"), std::string::npos);
  MetricsFiles sent = metrics_files(path(), "title");
  ASSERT_EQ(sent.files.size(), 2U);
  EXPECT_EQ(sent.files[0].content, kRow);
  EXPECT_EQ(sent.left_out, "");
}

TEST_F(MetricsFilesTest, TheProgramsOwnWin) {
  ASSERT_TRUE(replace_file(path(), kRow, false).ok());
  ASSERT_TRUE(replace_file(results() + "/metrics.jsonl", "mine", false).ok());
  EXPECT_EQ(add(), "");
  EXPECT_EQ(read_file(results() + "/metrics.jsonl").value(), "mine");
  EXPECT_TRUE(exists(results() + "/metrics.svg"));
}

TEST_F(MetricsFilesTest, AreNoneWhereTheProgramPutSomethingElse) {
  const std::string secret = dir_->path() + "/secret";
  ASSERT_TRUE(replace_file(secret, "of the machine", false).ok());
  auto none = [&] {
    EXPECT_EQ(add(), "");
    EXPECT_TRUE(there().empty());
    EXPECT_TRUE(metrics_files(path(), "title").files.empty());
    unlink(path().c_str());
  };
  none();
  ASSERT_EQ(symlink(secret.c_str(), path().c_str()), 0);
  none();
  ASSERT_EQ(mkfifo(path().c_str(), 0666), 0);  // opening it waits for a writer
  none();
  ASSERT_TRUE(make_dirs(path()).ok());
  EXPECT_EQ(add(), "");
  EXPECT_TRUE(there().empty());
}

TEST_F(MetricsFilesTest, LargeOnesAreDeliveredWithoutPictureAndItIsSaid) {
  const std::string row(1 << 20, ' ');
  {
    Fd fd = open_file(path(), O_WRONLY | O_CREAT).value();
    for (int i = 0; i < 65; ++i) ASSERT_TRUE(write_all(fd.get(), row, path()).ok());
    ASSERT_TRUE(write_all(fd.get(), kRow, path()).ok());
  }
  EXPECT_NE(add().find("metrics.svg"), std::string::npos);
  EXPECT_EQ(there(), std::vector<std::string>{"metrics.jsonl"});
  struct stat info {};
  ASSERT_EQ(stat((results() + "/metrics.jsonl").c_str(), &info), 0);
  EXPECT_EQ(static_cast<size_t>(info.st_size), (65U << 20) + sizeof kRow - 1);
  MetricsFiles sent = metrics_files(path(), "title");
  EXPECT_TRUE(sent.files.empty());
  EXPECT_NE(sent.left_out.find("baton metrics"), std::string::npos);
}

}  // namespace
}  // namespace baton
