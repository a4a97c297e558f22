// Limits of the oci engine, on machines where this user may set them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "engine/cgroup.h"
#include "engine/engine_fixture.h"

namespace baton {
namespace {

class OciLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    support_ = cgroup_support(this_process_cgroups());
    if (!support_.missing.empty())
      GTEST_SKIP() << "no limits here: " << support_.missing.begin()->second << "; "
                   << support_.hint;
    container_.spec.root.layers = {busybox_root(container_.dir() + "/root")};
  }
  CgroupSupport support_;
  TestContainer container_;
  std::unique_ptr<Engine> engine_ = make_oci_engine();
};

TEST_F(OciLimits, MemoryEndsWhoTakesMore) {
  container_.spec.memory = 32 << 20;
  container_.spec.argv = {"/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"};
  ContainerExit exit = container_.run(*engine_);
  EXPECT_EQ(exit.status.signal, SIGKILL);
  EXPECT_TRUE(exit.oom_killed);
  EXPECT_GT(exit.peak_memory, 24U << 20);
  EXPECT_LE(exit.peak_memory, 32U << 20);
}

TEST_F(OciLimits, AnOrdinaryEndIsNotTakenForOne) {
  container_.spec.memory = 64 << 20;
  container_.shell("kill -9 $$");
  ContainerExit exit = container_.run(*engine_);
  EXPECT_EQ(exit.status.signal, SIGKILL);
  EXPECT_FALSE(exit.oom_killed);
}

TEST_F(OciLimits, ProcessesAreCounted) {
  container_.spec.pids = 12;
  container_.shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 10 & done; echo all");
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "");
  EXPECT_THAT(container_.err(), testing::HasSubstr("can't fork"));
}

TEST_F(OciLimits, TheProgramCanReadItsLimits) {
  container_.spec.memory = 64 << 20;
  container_.spec.cpus = 1.5;
  container_.spec.pids = 99;
  const char* script = support_.version == 2
                           ? "cd /sys/fs/cgroup; cat memory.max cpu.max pids.max"
                           : "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes; echo $(cat "
                             "cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat pids/pids.max";
  container_.shell(script);
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "67108864\n150000 100000\n99\n");
}

TEST_F(OciLimits, ControlGroupsAreGoneAfterwards) {
  auto trees = this_process_cgroups();
  container_.spec.cpus = 1;
  container_.shell("true");
  container_.run(*engine_);
  if (support_.version == 2) {
    EXPECT_FALSE(exists(support_.parent + "/baton-" + container_.spec.id));
  }
  for (const auto& [controller, dir] : trees.v1)
    EXPECT_FALSE(exists(dir + "/baton-" + container_.spec.id)) << controller;
}

}  // namespace
}  // namespace baton
