#include "agent/leftovers.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "agent/agent.h"
#include "os/clock.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr const char* kJob = "261122-013422-k3f9q2";
constexpr const char* kOther = "261122-013423-aaaaaa";

class Heard : public Log {
 public:
  void write(Level, const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> lines;
};

class LeftoversTest : public testing::Test {
 protected:
  // The directories of an attempt, as its agent leaves them when it dies.
  void leave(const std::string& job, int attempt) {
    std::string dir = attempt_dir(home_, job, attempt);
    ASSERT_TRUE(make_dirs(dir + "/engine/oci").ok());
    ASSERT_TRUE(make_dirs(dir + "/checkpoint").ok());
    ASSERT_TRUE(replace_file(dir + "/checkpoint/model", "weights", false).ok());
  }
  bool is_there(const std::string& job, int attempt) {
    return exists(attempt_dir(home_, job, attempt));
  }
  TempDir dir_ = TempDir::create("leftovers").value();
  std::string home_ = dir_.path();
  Heard heard_;
};

TEST_F(LeftoversTest, OfDeadAgentsAreClearedWhicheverJobsTheyAre) {
  leave(kJob, 1);
  leave(kJob, 2);
  leave(kOther, 7);
  ASSERT_TRUE(lock_attempt(home_, kOther, 7).ok()) << "locked, and unlocked again by its death";
  EXPECT_EQ(sweep_machine(home_, heard_), 3);
  EXPECT_THAT(list_dir(home_ + "/run").value(), testing::IsEmpty());
  EXPECT_EQ(sweep_machine(home_, heard_), 0) << "once more";
  EXPECT_THAT(heard_.lines, testing::IsEmpty());
}

TEST_F(LeftoversTest, OfALivingAgentStay) {
  auto alive = lock_attempt(home_, kJob, 2);
  ASSERT_TRUE(alive.ok()) << alive.error().text();
  leave(kJob, 1);
  leave(kJob, 2);
  EXPECT_EQ(sweep_machine(home_, heard_), 1);
  EXPECT_FALSE(is_there(kJob, 1));
  EXPECT_TRUE(is_there(kJob, 2));
  ASSERT_TRUE(clear_attempt(home_, kJob, 2).ok());
  EXPECT_THAT(list_dir(home_ + "/run").value(), testing::IsEmpty());
}

TEST_F(LeftoversTest, AreNeverTakenForAnAgentThatIsJustStarting) {
  std::atomic<bool> done = false;
  std::thread sweeper([&] {
    while (!done) sweep_machine(home_, heard_);
  });
  for (int attempt = 1; attempt <= 500; ++attempt) {
    auto alive = lock_attempt(home_, kJob, attempt);
    EXPECT_TRUE(alive.ok()) << alive.error().text();
    EXPECT_TRUE(make_dirs(attempt_dir(home_, kJob, attempt)).ok());
    EXPECT_TRUE(is_there(kJob, attempt));
    EXPECT_TRUE(clear_attempt(home_, kJob, attempt).ok());
  }
  done = true;
  sweeper.join();
}

TEST_F(LeftoversTest, OfTheOwnJobAreWaitedForWhileAnotherProcessClearsThem) {
  leave(kJob, 1);
  auto clearing = std::make_optional(lock_attempt(home_, kJob, 1));
  ASSERT_TRUE(clearing->ok());
  std::thread other([&] {
    SystemClock().sleep_ms(50);
    EXPECT_TRUE(clear_attempt(home_, kJob, 1).ok());
    clearing.reset();
  });
  sweep_machine(home_, heard_, kJob);
  EXPECT_FALSE(is_there(kJob, 1)) << "not before it is cleared";
  other.join();
  EXPECT_THAT(list_dir(home_ + "/run").value(), testing::IsEmpty());
}

TEST_F(LeftoversTest, ThatCannotBeClearedKeepTheirRecordForTheNextTime) {
  leave(kJob, 1);
  std::string record = attempt_dir(home_, kJob, 1) + "/engine/oci/cgroups";
  ASSERT_TRUE(replace_file(record, "memory\t/sys/fs/cgroup/memory/somebody-else\n", false).ok());
  EXPECT_EQ(sweep_machine(home_, heard_), 0);
  EXPECT_TRUE(exists(record));
  ASSERT_EQ(heard_.lines.size(), 1u);
  EXPECT_THAT(heard_.lines[0], testing::HasSubstr("somebody-else"));
}

TEST_F(LeftoversTest, NothingElseInTheDirectoryIsTouched) {
  for (const char* name : {"notes", "261122-013422-k3f9q2", "261122-013422-k3f9q2-x",
                           "261122-013422-k3f9q2-0", "261122-013422-k3f9q2-9999999"})
    ASSERT_TRUE(make_dirs(home_ + "/run/" + name).ok());
  EXPECT_EQ(sweep_machine(home_, heard_), 0);
  EXPECT_EQ(list_dir(home_ + "/run")->size(), 5u);
}

TEST(Leftovers, OfAHomeThatNeverRanAnythingAreNone) {
  TempDir dir = TempDir::create("leftovers").value();
  Heard heard;
  EXPECT_EQ(sweep_machine(dir.path() + "/none", heard), 0);
  EXPECT_FALSE(exists(dir.path() + "/none"));
}

}  // namespace
}  // namespace baton
