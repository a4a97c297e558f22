#include "os/process.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "os/clock.h"
#include "os/files.h"

namespace baton {
namespace {

Result<Output> shell(const std::string& script, int64_t timeout_ms) {
  SpawnOptions options;
  options.argv = {"sh", "-c", script};
  return run_command(options, timeout_ms);
}

TEST(RunCommand, GivesOutputAndStatus) {
  auto done = shell("cat; echo out; echo err >&2; exit 3", 10'000);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->out, "out\n");
  EXPECT_EQ(done->err, "err\n");
  EXPECT_EQ(done->status.code, 3);
}

TEST(RunCommand, EndsWhatHasClosedItsStreams) {
  SystemClock clock;
  const int64_t begin = clock.mono_ms();
  EXPECT_TRUE(shell("exec >&- 2>&-; sleep 60", 300).is(Code::transient));
  EXPECT_TRUE(shell("sleep 60", 300).is(Code::transient));
  EXPECT_LT(clock.mono_ms() - begin, 20'000);
}

TEST(RunCommand, DoesNotWaitForWhatAChildLeavesBehind) {
  SystemClock clock;
  const int64_t begin = clock.mono_ms();
  auto done = shell("echo hi; sleep 30 & exit 0", 25'000);
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->out, "hi\n");
  EXPECT_LT(clock.mono_ms() - begin, 20'000);
}

TEST(ProcessIsGone, OnlyWhereThatIsCertain) {
  const pid_t self = getpid();
  const uint64_t start = process_start_time(self).value_or(0);
  ASSERT_NE(start, 0u);
  EXPECT_FALSE(process_is_gone(self, start));
  EXPECT_TRUE(process_is_gone(self, start + 1)) << "another one has its number";
  SpawnOptions options;
  options.argv = {"true"};
  auto child = spawn(options);
  ASSERT_TRUE(child.ok());
  const pid_t pid = child->pid();
  child->wait();
  EXPECT_TRUE(process_is_gone(pid, start));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool gone = process_is_gone(self, start);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(gone) << "no descriptor was left to look with";
}

TEST(ReplaceFile, LeavesTheUmaskAlone) {
  auto dir = TempDir::create("baton-test");
  ASSERT_TRUE(dir.ok());
  const mode_t before = umask(027);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&dir, i] {
      for (int k = 0; k < 2000; ++k)
        EXPECT_TRUE(replace_file(dir->path() + "/" + std::to_string(i), "text", false, 0666).ok());
    });
  for (auto& thread : threads) thread.join();
  struct stat info {};
  EXPECT_EQ(stat((dir->path() + "/0").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(umask(before), 027u);
}

}  // namespace
}  // namespace baton
