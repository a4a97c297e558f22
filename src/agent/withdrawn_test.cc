// Notices that are withdrawn while the program runs.
#include <map>
#include <mutex>

#include "agent/agent_fixture.h"

namespace baton {
namespace {

constexpr const char* kPreempt = "/baton/preempt";

class Withdrawn : public Agent {
 protected:
  Notice notice(const std::string& id, int64_t left) {
    Notice notice = terminate("azure", clock_.mono_ms() + left);
    notice.id = id;
    return notice;
  }
  void withdraw(const std::string& id) {
    Notice withdrawn = notice(id, 0);
    withdrawn.kind = Notice::Kind::cancelled;
    tell_(withdrawn);
  }
  // Whether it came to be so in time.
  static bool soon(FakeProgram& program, const std::function<bool()>& so) {
    for (int i = 0; i < 1'000; ++i) {
      if (so()) return true;
      program.sleep_ms(10);
    }
    return false;
  }
  Result<DriveResult> run(const std::string& job) {
    AgentParts p = parts();
    p.make_notices = told_by(tell_);
    return drive(p, job, false);
  }

  Teller tell_;
};

TEST_F(Withdrawn, TheProgramGoesOnWithCommitsAndTheNextNoticeCountsInFull) {
  std::string job = submit();
  int second_signal = 0;
  std::string file;
  engine_.set_program([&](FakeProgram& program) {
    tell_(notice("one", 60'000));
    program.wait_signal();
    withdraw("one");
    EXPECT_TRUE(soon(program, [&] { return !exists(program.path(kPreempt)); }));
    write(program, "/checkpoint/state", "a periodic commit");
    EXPECT_TRUE(soon(program, [&] { return summary(job).commits.size() == 1; }));
    tell_(notice("two", 20'000));
    second_signal = program.wait_signal(10'000);
    file = read(program, kPreempt);
    write(program, "/checkpoint/state", "the final commit");
    return ExitStatus{0, 0};
  });
  auto result = run(job);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(second_signal, 15);
  EXPECT_NE(file.find("\"source\":\"azure\""), std::string::npos) << file;
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_EQ(result->reason, "spot interruption");
  EXPECT_TRUE(result->machine_going);
  EXPECT_EQ(summary(job).commits.size(), 2u);
  auto history = ledger_->open(job);
  ASSERT_TRUE(history.ok() && history->refresh().ok());
  int noticed = 0;
  for (const auto& event : history->events()) noticed += event.type == EventType::noticed;
  EXPECT_EQ(noticed, 2);
}

TEST_F(Withdrawn, AProgramIsKilledBeforeTheNextNoticesDeadline) {
  std::string job = submit();
  engine_.set_program([&](FakeProgram& program) {
    tell_(notice("one", 60'000));
    program.wait_signal();
    withdraw("one");
    EXPECT_TRUE(soon(program, [&] { return !exists(program.path(kPreempt)); }));
    tell_(notice("two", 600));
    program.sleep_ms(20'000);
    return ExitStatus{0, 0};
  });
  auto result = run(job);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_TRUE(view_.told("killing the program"));
}

TEST_F(Withdrawn, AnotherNoticeStays) {
  std::string job = submit();
  std::string file;
  engine_.set_program([&](FakeProgram& program) {
    tell_(notice("one", 60'000));
    program.wait_signal();
    Notice other = terminate("aws", clock_.mono_ms() + 2'000);
    tell_(other);
    withdraw("one");
    EXPECT_TRUE(soon(program, [&] {
      file = read(program, kPreempt);
      return file.find("aws") != std::string::npos;
    })) << file;
    program.sleep_ms(20'000);
    return ExitStatus{0, 0};
  });
  auto result = run(job);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_TRUE(view_.told("killing the program"));
  EXPECT_TRUE(result->machine_going);
}

TEST_F(Withdrawn, AStopStays) {
  std::mutex mutex;
  std::map<std::string, int> reads;  // of events
  use(make_fault_store(make_mem_store(),
                       [&](uint64_t, const char* operation, const std::string& key) {
                         std::lock_guard lock(mutex);
                         bool of_event = key.find("/events/") != std::string::npos;
                         if (of_event && operation == std::string("get")) ++reads[key];
                         return Fault::none;
                       }));
  std::string job = submit();
  std::string file;
  engine_.set_program([&](FakeProgram& program) {
    tell_(notice("one", 60'000));
    program.wait_signal();
    request(*store_, clock_, job, EventType::stop_requested);
    {
      std::lock_guard lock(mutex);
      reads.clear();
    }
    // The agent looks for what follows the stop a second time only once it has acted on it.
    EXPECT_TRUE(soon(program, [&] {
      std::lock_guard lock(mutex);
      return !reads.empty() && reads.rbegin()->second > 1;
    }));
    withdraw("one");
    EXPECT_TRUE(soon(program, [&] {
      file = read(program, kPreempt);
      return file.find("\"source\":\"stop\"") != std::string::npos;
    })) << file;
    program.sleep_ms(20'000);
    return ExitStatus{0, 0};
  });
  auto result = run(job);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->outcome, Outcome::stopped);
  EXPECT_TRUE(view_.told("killing the program")) << "when the stop's grace is over";
  EXPECT_FALSE(result->machine_going);
}

}  // namespace
}  // namespace baton
