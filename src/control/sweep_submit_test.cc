#include "control/sweep_submit.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/sysinfo.h>

namespace baton {
namespace {

constexpr int kMost = 1'000'000'000;  // where nothing is asked for

bool any_number(int) { return true; }

// Of this machine, as it is.
class MachineSlots : public testing::Test {
 protected:
  void SetUp() override {
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    cpus_ = CPU_COUNT(&set);
    struct sysinfo machine {};
    ASSERT_EQ(sysinfo(&machine), 0);
    memory_ = static_cast<uint64_t>(machine.totalram) * machine.mem_unit;
  }
  int slots() const { return machine_slots(spec_, any_number); }

  Spec spec_;
  int cpus_ = 0;
  uint64_t memory_ = 0;
};

TEST_F(MachineSlots, AreWithoutNumberWhereNothingIsAskedFor) { EXPECT_EQ(slots(), kMost); }

TEST_F(MachineSlots, AreAsManyAsThereAreProcessorsFor) {
  spec_.cpus = cpus_;
  EXPECT_EQ(slots(), 1);
  spec_.cpus = cpus_ / 2.0;
  EXPECT_EQ(slots(), 2);
  spec_.cpus = cpus_ / 2.0 + 0.01;
  EXPECT_EQ(slots(), 1);
  spec_.cpus = 0.25;
  EXPECT_EQ(slots(), 4 * cpus_);
}

TEST_F(MachineSlots, AreAsManyAsThereIsMemoryFor) {
  spec_.memory = memory_ / 3;
  EXPECT_EQ(slots(), 3);
  spec_.memory = memory_ / 3 + 1;
  EXPECT_EQ(slots(), 2);
}

TEST_F(MachineSlots, AreBoundByWhatIsScarcest) {
  spec_.memory = memory_ / 3;
  spec_.cpus = cpus_ / 2.0;
  EXPECT_EQ(slots(), 2);
  spec_.gpus = 2;
  EXPECT_EQ(machine_slots(spec_, [](int gpus) { return gpus <= 3; }), 1);
  spec_.cpus = 0;
  spec_.memory = 0;
  EXPECT_EQ(machine_slots(spec_, [](int gpus) { return gpus <= 9; }), 4);
}

TEST_F(MachineSlots, AreNeverNone) {
  spec_.cpus = 3.0 * cpus_;
  spec_.memory = 2 * memory_;
  EXPECT_EQ(slots(), 1);
}

}  // namespace
}  // namespace baton
