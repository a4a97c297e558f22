#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "notice/testing.h"
#include "os/files.h"
#include "os/no_threads.h"

namespace baton {
namespace {

class FileNotice : public ::testing::Test {
 protected:
  void start() {
    source_ = make_file_notice(path(), clock_, short_times());
    source_->start(box_.sink());
  }
  std::string path() const { return dir_->path() + "/sub/preempt"; }
  void make_parent() const { ASSERT_TRUE(make_dirs(parent_path(path())).ok()); }
  void write(const std::string& text) const { ASSERT_TRUE(replace_file(path(), text, false).ok()); }

  Result<TempDir> dir_ = TempDir::create("file-notice");
  ManualClock clock_;
  NoticeBox box_;
  std::unique_ptr<NoticeSource> source_;
};

TEST_F(FileNotice, SaysWhenItHasNoThread) {
  source_ = make_file_notice(path(), clock_, short_times());
  NoThreads limit;
  EXPECT_FALSE(source_->start(box_.sink()));
}

TEST_F(FileNotice, NoticeAlreadyPresentAtStart) {
  make_parent();
  write("");
  start();
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].source, "file");
  EXPECT_EQ(notices[0].kind, Notice::Kind::terminate);
  EXPECT_EQ(notices[0].deadline_mono_ms, -1);
}

TEST_F(FileNotice, AFileThatAppearsIsSeen) {
  make_parent();
  start();
  write(R"({"deadline_ms": 30000, "reason": "noon\u001b[2J"})");
  auto notices = box_.wait_for(1);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].deadline_mono_ms, clock_.mono_ms() + 30'000);
  EXPECT_EQ(notices[0].reason, "noon\\x1b[2J");
}

TEST_F(FileNotice, AFileThatAppearsSoonIsSeenWithoutInotify) {
  make_parent();
  WatchTimes times = short_times();
  times.file_young = 3'600'000;
  source_ = make_file_notice(path(), clock_, times);
  source_->start(box_.sink());
  write("");
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

TEST_F(FileNotice, OtherFilesAreNone) {
  make_parent();
  start();
  ASSERT_TRUE(replace_file(path() + ".other", "", false).ok());
  write(R"({"reason": "the right one"})");
  EXPECT_EQ(box_.wait_for(1).at(0).reason, "the right one");
}

TEST_F(FileNotice, TheDirectoryMayComeLater) {
  start();
  make_parent();
  write("");
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

TEST_F(FileNotice, TheDirectoryMayGoAndComeAgain) {
  make_parent();
  start();
  ASSERT_TRUE(remove_tree(parent_path(path())).ok());
  make_parent();
  write("");
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

TEST_F(FileNotice, SenselessContentIsANoticeAllTheSame) {
  for (const std::string& content :
       {std::string("now!"), std::string("[1]"), std::string(R"({"deadline_ms":"soon"})"),
        std::string(R"({"deadline_ms":-5})"), std::string(200'000, 'x'),
        std::string("\xff\0\xff", 3)}) {
    make_parent();
    write(content);
    NoticeBox box;
    auto source = make_file_notice(path(), clock_, short_times());
    source->start(box.sink());
    auto notices = box.wait_for(1);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].deadline_mono_ms, -1);
  }
}

TEST_F(FileNotice, APipeInTheFilesPlaceDoesNotBlock) {
  make_parent();
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  start();
  EXPECT_EQ(box_.wait_for(1).size(), 1u);
}

TEST_F(FileNotice, AHugeDeadlineIsBounded) {
  make_parent();
  write(R"({"deadline_ms": 9223372036854775807})");
  start();
  EXPECT_EQ(box_.wait_for(1).at(0).deadline_mono_ms, clock_.mono_ms() + 86'400'000);
}

std::vector<std::string> names(const std::vector<std::unique_ptr<NoticeSource>>& sources) {
  std::vector<std::string> out;
  for (const auto& source : sources) out.push_back(source->name());
  return out;
}

size_t entries(const std::string& directory) {
  size_t n = 0;
  DIR* dir = opendir(directory.c_str());
  while (dir && readdir(dir)) ++n;
  if (dir) closedir(dir);
  return n;
}

class CountingHttp : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest&, const Cancel*) override {
    ++requests;
    return Error{Code::transient, "no network", ""};
  }
  std::atomic<int> requests{0};
};

// Runs with the clouds switched off, so that it holds on a machine in one, too.
TEST(MachineNotices, InNoCloudThereIsOneSleepingThreadAndNoNetwork) {
  Variable aws("BATON_AWS_METADATA", "off"), gcp("BATON_GCP_METADATA", "off"),
      azure("BATON_AZURE_METADATA", "off");
  auto dir = TempDir::create("machine");
  CountingHttp http;
  ManualClock clock;
  NullLog log;
  size_t threads = entries("/proc/self/task");
  auto sources = make_machine_notices(http, clock, log, dir->path() + "/preempt");
  EXPECT_EQ(names(sources), std::vector<std::string>{"file"});
  NoticeBox box;
  for (auto& source : sources) source->start(box.sink());
  EXPECT_EQ(entries("/proc/self/task"), threads + 1);
  ASSERT_TRUE(replace_file(dir->path() + "/preempt", "", false).ok());
  EXPECT_EQ(box.wait_for(1).size(), 1u);
  EXPECT_EQ(http.requests, 0);
}

TEST(MachineNotices, AnEndpointSwitchesItsCloudOn) {
  Variable aws("BATON_AWS_METADATA", "http://127.0.0.1:1/"),
      gcp("BATON_GCP_METADATA", "http://127.0.0.1:2");
  Variable azure("BATON_AZURE_METADATA", "http://127.0.0.1:3");
  CountingHttp http;
  ManualClock clock;
  NullLog log;
  EXPECT_EQ(names(make_machine_notices(http, clock, log, "/nonexistent/preempt")),
            (std::vector<std::string>{"file", "aws", "gcp", "azure"}));
}

TEST(MachineNotices, AnUnreadableBudgetIsTold) {
  Variable budget("BATON_GCP_NOTICE", "long");
  CountingHttp http;
  ManualClock clock;
  LogBox log;
  make_machine_notices(http, clock, log, "/nonexistent/preempt");
  EXPECT_EQ(log.wait_for(1).size(), 1u);
}

}  // namespace
}  // namespace baton
