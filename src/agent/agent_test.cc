// The agent's life with one job, from its programs' side and the store's.
#include <algorithm>
#include <atomic>

#include "agent/agent_fixture.h"

namespace baton {
namespace {

TEST_F(Agent, ResultsAndOutputOfAProgramThatSucceeds) {
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    program.out("hello\n");
    write(program, "/results/answer", "42");
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::succeeded);
  EXPECT_EQ(view_.said, "hello\n");
  EXPECT_EQ(read_file(dir_->path() + "/results/" + job + "/answer").value(), "42");
  EXPECT_EQ(ledger_->read_stream(job, "logs", 1, 0, 1 << 20).value(), "hello\n");
  EXPECT_EQ(summary(job).commits.size(), 1u);
  EXPECT_TRUE(list_dir(p.home + "/run").value().empty())
      << "the attempt's directory is still there";
}

TEST_F(Agent, ACommitAskedForIsDurableAndComesBack) {
  std::string job = submit([](Spec& spec) { spec.retries = 1; });
  engine_.set_program([](FakeProgram& program) {
    if (read(program, "/checkpoint/state") == "saved") {
      program.out(read(program, "/results/log"));
      return ExitStatus{0, 0};
    }
    write(program, "/checkpoint/state", "saved");
    write(program, "/results/log", "one line\n");
    write(program, "/baton/metrics/metrics.jsonl", "{\"step\":1,\"loss\":0.5}\n");
    program.out(ask(program, R"({"op":"commit"})"));
    write(program, "/results/log", "one line\nanother that nobody committed\n");
    return ExitStatus{1, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::succeeded);
  EXPECT_NE(view_.said.find("\"ok\":true"), std::string::npos) << view_.said;
  EXPECT_NE(view_.said.find("one line\n"), std::string::npos);
  EXPECT_EQ(read_file(dir_->path() + "/results/" + job + "/log").value(), "one line\n");
  Summary s = summary(job);
  ASSERT_EQ(s.attempts.size(), 2u);
  EXPECT_EQ(s.attempts[1].claimed.metrics_from, 22u);
}

TEST_F(Agent, APeriodicCommitIsTakenWhenTheDirectoriesAreQuiet) {
  std::string job = submit();
  engine_.set_program([&](FakeProgram& program) {
    write(program, "/checkpoint/state", "1");
    while (summary(job).commits.empty()) program.sleep_ms(10);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(summary(job).commits.size(), 1u) << "nothing changed after the first one";
}

TEST_F(Agent, ANoticePreemptsAndTheMachineGoes) {
  notices_ = {terminate("aws")};
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    int signal = program.wait_signal();
    program.out(std::to_string(signal) + read(program, "/baton/preempt"));
    write(program, "/checkpoint/state", "saved in time");
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_EQ(result->state, State::pending);
  EXPECT_TRUE(result->machine_going);
  EXPECT_NE(view_.said.find("15"), std::string::npos);
  EXPECT_NE(view_.said.find("\"source\":\"aws\""), std::string::npos) << view_.said;
  EXPECT_EQ(summary(job).commits.size(), 1u);
  EXPECT_EQ(acknowledged_, std::vector<std::string>{"one"})
      << "after the commit, so that the cloud need not wait";
}

TEST_F(Agent, TheSameNoticeTwiceAndASecondSourceCountOnce) {
  notices_ = {terminate("aws"), terminate("aws"), terminate("signal")};
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    program.wait_signal();
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  ASSERT_TRUE(drive(p, job, false).ok());
  int noticed = 0;
  auto history = ledger_->open(job);
  ASSERT_TRUE(history.ok() && history->refresh().ok());
  for (const auto& event : history->events()) noticed += event.type == EventType::noticed;
  EXPECT_EQ(noticed, 1);
}

TEST_F(Agent, AWithdrawnNoticeLetsTheProgramGoOn) {
  Notice withdrawn = terminate("azure");
  withdrawn.kind = Notice::Kind::cancelled;
  notices_ = {terminate("azure", clock_.mono_ms() + 400), withdrawn};
  std::string job = submit();
  std::atomic<int> runs{0};
  engine_.set_program([&](FakeProgram& program) {
    if (++runs == 1) {
      program.wait_signal();
      notices_.clear();       // the sources have started, and the next attempt hears nothing
      program.sleep_ms(800);  // past the withdrawn deadline
      program.out("still here\n");
    }
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(view_.said, "still here\n");
  EXPECT_EQ(result->state, State::succeeded) << "the next attempt follows on this machine";
  EXPECT_EQ(runs, 2) << "the first one may have left because of the notice";
}

TEST_F(Agent, AProgramThatDoesNotEndIsKilledBeforeTheDeadline) {
  notices_ = {terminate("aws", clock_.mono_ms() + 600)};
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    while (true) program.sleep_ms(10);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_TRUE(view_.told("killing the program"));
}

TEST_F(Agent, ARequestToPreemptLetsTheNextAttemptFollowHere) {
  std::string job = submit();
  std::atomic<int> runs{0};
  engine_.set_program([&](FakeProgram& program) {
    if (++runs == 1) {
      request(*store_, clock_, job, EventType::preempt_requested);
      program.wait_signal();
    }
    return ExitStatus{0, 0};
  });
  engine_.set_warnings({"the memory limit is not enforced"});
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::succeeded);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(std::count(view_.lines.begin(), view_.lines.end(), "the memory limit is not enforced"),
            1)
      << "once, and not with every attempt";
}

TEST_F(Agent, AJobTakenOverIsLeftAlone) {
  std::string job = submit();
  engine_.set_program([&](FakeProgram& program) {
    auto history = ledger_->open(job);
    EXPECT_TRUE(history.ok() && history->refresh().ok());
    AgentIdentity other = AgentIdentity::self();
    EXPECT_TRUE(claim(*history, other, clock_.wall_ms(), 0, true).ok());
    write(program, "/checkpoint/state", "must not be committed");
    while (true) program.sleep_ms(10);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::fenced);
  Summary s = summary(job);
  EXPECT_EQ(s.attempt, 2);
  EXPECT_TRUE(s.commits.empty());
}

TEST_F(Agent, ALivingOwnerIsNotDisturbed) {
  std::string job = submit();
  auto history = ledger_->open(job);
  ASSERT_TRUE(history.ok() && history->refresh().ok());
  ASSERT_TRUE(claim(*history, AgentIdentity::self(), clock_.wall_ms(), 0, false).ok());
  AgentParts p = parts();
  auto result = drive(p, job, false);
  EXPECT_TRUE(result.is(Code::fenced));
  // … and taken for dead only after its heartbeat has stood still.
  engine_.set_program([](FakeProgram&) { return ExitStatus{0, 0}; });
  auto later = drive(p, job, true);
  ASSERT_TRUE(later.ok()) << later.error().text();
  EXPECT_EQ(summary(job).attempts.size(), 2u);
}

TEST_F(Agent, AFullStoreKeepsTheLastCommitAndTellsTheProgram) {
  std::atomic<bool> full{false};
  use(make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string& key) {
    return full && key.find("/blobs/") != std::string::npos ? Fault::no_space : Fault::none;
  }));
  std::string job = submit();
  engine_.set_program([&](FakeProgram& program) {
    write(program, "/checkpoint/state", "first");
    EXPECT_NE(ask(program, R"({"op":"commit"})").find("true"), std::string::npos);
    full = true;
    write(program, "/checkpoint/state", "second");
    EXPECT_NE(ask(program, R"({"op":"commit"})").find("false"), std::string::npos);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::stopped) << "what is not saved must not count as done";
  EXPECT_EQ(summary(job).commits.size(), 1u);
}

TEST_F(Agent, HostileRequestsAreRefused) {
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    for (const char* line : {"", "{", "[]", "{\"op\":7}", "{\"op\":\"rm -rf\"}"})
      EXPECT_NE(ask(program, line).find("\"ok\":false"), std::string::npos) << line;
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  EXPECT_TRUE(drive(p, job, false).ok());
}

TEST_F(Agent, AnImageThatCannotBeMadeLeavesTheJobResumable) {
  std::string job = submit();
  images_.fail = Error{Code::transient, "the mirror does not answer", "try again later"};
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "the mirror does not answer");
  EXPECT_EQ(summary(job).state, State::stopped);
}

TEST_F(Agent, OldCommitsAreDroppedAsNewOnesCome) {
  std::string job = submit([](Spec& spec) { spec.checkpoint_keep = 2; });
  engine_.set_program([](FakeProgram& program) {
    for (int i = 0; i < 6; ++i) {
      write(program, "/checkpoint/state",
            std::string(100'000, static_cast<char>('a' + i)) + std::to_string(i));
      EXPECT_NE(ask(program, R"({"op":"commit"})").find("true"), std::string::npos);
    }
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  ASSERT_TRUE(drive(p, job, false).ok());
  size_t manifests = 0;
  ASSERT_TRUE(for_each_object(*store_, "jobs/" + job + "/commits/", {}, [&](const ObjectInfo&) {
                ++manifests;
                return true;
              }).ok());
  EXPECT_LE(manifests, 2u);
}

}  // namespace
}  // namespace baton
