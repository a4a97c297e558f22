// The agent with a fake engine: real directories, a store in memory, programs that are functions.
#include "agent/agent.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/ids.h"
#include "engine/fake_engine.h"
#include "image/fake_images.h"
#include "os/files.h"
#include "store/fault_store.h"

namespace baton {
namespace {

class Listener : public AgentView {
 public:
  void output(bool, std::string_view bytes) override { said.append(bytes); }
  void tell(const std::string& line) override { lines.push_back(line); }
  Progress& progress() override { return progress_; }
  bool told(const std::string& part) const {
    for (const auto& line : lines)
      if (line.find(part) != std::string::npos) return true;
    return false;
  }
  std::string said;
  std::vector<std::string> lines;

 private:
  NullProgress progress_;
};

// A source that reports what it is told when it starts.
class Announce : public NoticeSource {
 public:
  Announce(std::vector<Notice> notices, std::vector<std::string>& acknowledged)
      : notices_(std::move(notices)), acknowledged_(acknowledged) {}
  void acknowledge(const Notice& notice) override { acknowledged_.push_back(notice.id); }
  std::string name() const override { return "announce"; }
  void start(NoticeSink sink) override {
    for (const auto& notice : notices_) sink(notice);
  }

 private:
  std::vector<Notice> notices_;
  std::vector<std::string>& acknowledged_;
};

class Agent : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_.ok());
    use(make_mem_store());
  }
  void use(std::unique_ptr<ObjectStore> store) {
    store_ = std::move(store);
    ASSERT_TRUE(check_store_format(*store_, true).ok());
    ledger_ = std::make_unique<Ledger>(*store_, clock_);
  }
  AgentParts parts() {
    AgentTimes times;
    times.beat = 50;
    times.beat_ttl = 300;
    times.requests = 10;
    times.flush = 20;
    times.quiet = 50;
    return AgentParts{*ledger_,
                      clock_,
                      engine_,
                      images_,
                      log_,
                      view_,
                      dir_->path() + "/home",
                      "/proc/self/exe",
                      times,
                      [this](const std::string&) {
                        std::vector<std::unique_ptr<NoticeSource>> sources;
                        sources.push_back(std::make_unique<Announce>(notices_, acknowledged_));
                        return sources;
                      },
                      [](const std::string&) { return std::nullopt; },
                      {{"baton/__init__.py", "# helper\n"}},
                      -1};
  }
  std::string submit(const std::function<void(Spec&)>& change = [](Spec&) {}) {
    Job job;
    job.id = new_job_id(clock_.wall_ms());
    job.nonce = new_nonce();
    job.created_ms = clock_.wall_ms();
    job.spec.name = "test";
    job.spec.results = dir_->path() + "/results";
    job.spec.grace_ms = 1'000;
    job.spec.checkpoint_every_ms = 50;
    job.spec.command_list = {"program"};
    job.argv = {"program"};
    job.image = {{"form", "host"}};
    change(job.spec);
    Status added = ledger_->add_job(job);
    EXPECT_TRUE(added.ok()) << added.error().text();
    EXPECT_TRUE(ledger_->add_created(job, "").ok());
    return job.id;
  }
  Summary summary(const std::string& job) {
    auto history = ledger_->open(job);
    EXPECT_TRUE(history.ok() && history->refresh().ok());
    return history->summary();
  }
  // What a program's client does: one line over the socket, one line back.
  static std::string ask(FakeProgram& program, const std::string& line) {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = program.path("/baton/agent.sock");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return "no connection";
    std::string request = line + "\n";
    if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "not sent";
    char buffer[4096];
    ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "no answer";
  }
  static bool write(FakeProgram& program, const std::string& inside, const std::string& content) {
    return replace_file(program.path(inside), content, false).ok();
  }
  static std::string read(FakeProgram& program, const std::string& inside) {
    auto text = read_file(program.path(inside));
    return text.ok() ? *text : "";
  }

  Result<TempDir> dir_ = TempDir::create("agent");
  SystemClock clock_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<Ledger> ledger_;
  FakeEngine engine_{clock_};
  FakeImages images_;
  NullLog log_;
  Listener view_;
  std::vector<Notice> notices_;
  std::vector<std::string> acknowledged_;
};

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

Notice terminate(const std::string& source, int64_t deadline = -1) {
  Notice notice;
  notice.source = source;
  notice.id = "one";
  notice.reason = "spot interruption";
  notice.deadline_mono_ms = deadline;
  return notice;
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
      auto history = ledger_->open(job);
      Event request;
      request.type = EventType::preempt_requested;
      EXPECT_TRUE(history.ok() && history->refresh().ok());
      EXPECT_TRUE(
          history->append(request, clock_.wall_ms(), [](const Summary&) { return Status(); }).ok());
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

// Keeps everybody who comes while it is closed.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = closed_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
  }
  void close_until_somebody_waits() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.wait(lock, [this] { return waiting_; });
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

class Later : public NoticeSource {
 public:
  explicit Later(NoticeSink& sink) : sink_(sink) {}
  void acknowledge(const Notice&) override {}
  std::string name() const override { return "later"; }
  void start(NoticeSink sink) override { sink_ = std::move(sink); }

 private:
  NoticeSink& sink_;
};

// Whatever the store does, the program learns of a notice at once, and is killed in time.
TEST_F(Agent, ANoticeIsHeardWhileTheStoreDoesNotAnswer) {
  Gate gate;
  use(make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string&) {
    gate.pass();
    return Fault::none;
  }));
  std::string job = submit();
  NoticeSink tell;
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
  p.make_notices = [&](const std::string&) {
    std::vector<std::unique_ptr<NoticeSource>> sources;
    sources.push_back(std::make_unique<Later>(tell));
    return sources;
  };
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(preempt.substr(0, 2), "15");
  EXPECT_NE(preempt.find("\"source\":\"aws\""), std::string::npos) << preempt;
  EXPECT_TRUE(killed);
  EXPECT_EQ(result->outcome, Outcome::preempted);
  EXPECT_EQ(ledger_->read_stream(job, "logs", 1, 0, 1 << 20).value(), "some output\n");
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
