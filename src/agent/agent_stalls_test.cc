// The agent beside a store that does not answer, or answers slowly.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/agent_fixture.h"

namespace baton {
namespace {

// Keeps everybody who comes while it is closed.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = closed_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void close_until_somebody_waits() {
    close();
    wait_for_somebody();
  }
  void open() {
    std::lock_guard lock(mutex_);
    closed_ = waiting_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false, waiting_ = false;
};

std::unique_ptr<ObjectStore> behind(Gate& gate) {
  return make_fault_store(make_mem_store(), [&gate](uint64_t, const char*, const std::string&) {
    gate.pass();
    return Fault::none;
  });
}

// Whatever the store does, the program learns of a notice at once, and is killed in time.
TEST_F(Agent, ANoticeIsHeardWhileTheStoreDoesNotAnswer) {
  Gate gate;
  use(behind(gate));
  std::string job = submit();
  Teller tell;
  std::string preempt;
  std::atomic<bool> killed{false};
  engine_.set_program([&](FakeProgram& program) {
    program.out("some output\n");
    write(program, "/checkpoint/state", "saved");
    gate.close_until_somebody_waits();
    tell(terminate("aws", clock_.mono_ms() + 1'000));
    int signal = program.wait_signal(20'000);
    preempt = std::to_string(signal) + read(program, "/baton/preempt");
    try {
      program.sleep_ms(20'000);
    } catch (const FakeKilled&) {
      killed = true;
      gate.open();
      throw;
    }
    gate.open();
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  p.make_notices = told_by(tell);
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(preempt.substr(0, 2), "15");
  EXPECT_NE(preempt.find("\"source\":\"aws\""), std::string::npos) << preempt;
  EXPECT_TRUE(killed);
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_EQ(ledger_->read_stream(job, "logs", 1, 0, 1 << 20).value(), "some output\n");
  EXPECT_EQ(summary(job).commits.size(), 1u);
}

// The answer to a poll is on its way when the program ends, and comes while its commit is awaited.
TEST_F(Agent, AStopThatIsHeardAfterTheProgramsEndDoesNotChangeHowItEnded) {
  Gate gate;
  auto memory = make_mem_store();
  ObjectStore& beside = *memory;
  use(make_fault_store(std::move(memory), [&](uint64_t, const char*, const std::string& key) {
    if (key.find("/blobs/") != std::string::npos) gate.pass();  // and all others wait behind it
    return Fault::none;
  }));
  std::string job = submit();
  std::thread opener;
  engine_.set_program([&](FakeProgram& program) {
    write(program, "/checkpoint/state", "saved");
    gate.wait_for_somebody();
    request(beside, clock_, job, EventType::stop_requested);
    program.sleep_ms(200);
    opener = std::thread([&] {
      clock_.sleep_ms(1'500);
      gate.open();
    });
    return ExitStatus{0, 0};
  });
  gate.close();
  AgentParts p = parts();
  auto result = drive(p, job, false);
  opener.join();
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->outcome, Outcome::succeeded);
}

TEST_F(Agent, AProgramThatPrintsMuchCanSaveAfterANoticeWhileTheStoreDoesNotAnswer) {
  Gate gate;
  use(behind(gate));
  std::string job = submit();
  Teller tell;
  std::atomic<bool> saved{false}, in_time{false};
  std::thread beside;
  engine_.set_program([&](FakeProgram& program) {
    program.out("the first output\n");
    gate.close_until_somebody_waits();
    beside = std::thread([&] {
      clock_.sleep_ms(300);
      tell(terminate("aws", clock_.mono_ms() + 60'000));
      for (int i = 0; i < 1'000 && !saved; ++i) clock_.sleep_ms(10);
      in_time = saved.load();
      gate.open();
    });
    for (int i = 0; i < 12; ++i) program.out(std::string(1 << 20, 'x'));
    program.wait_signal();
    write(program, "/checkpoint/state", "saved");
    saved = true;
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  p.make_notices = told_by(tell);
  auto result = drive(p, job, false);
  beside.join();
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_TRUE(in_time) << "it stood in its write until the store answered";
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_EQ(summary(job).commits.size(), 1u);
}

TEST_F(Agent, AProgramThatPrintsFasterThanTheStoreTakesItWaitsAndLosesNothing) {
  use(make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string& key) {
    if (key.find("/logs/") != std::string::npos) clock_.sleep_ms(20);
    return Fault::none;
  }));
  std::string job = submit();
  const std::string line(1 << 20, 'x');
  engine_.set_program([&](FakeProgram& program) {
    for (int i = 0; i < 48; ++i) program.out(line);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  ASSERT_TRUE(drive(p, job, false).ok());
  EXPECT_EQ(view_.said.size(), 48 * line.size());
  EXPECT_EQ(ledger_->read_stream(job, "logs", 1, 0, UINT64_MAX).value().size(), 48 * line.size());
}

}  // namespace
}  // namespace baton
