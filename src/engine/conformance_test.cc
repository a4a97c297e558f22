// What every engine must do: run by oci over two kinds of root filesystem, process, and the fake.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/ids.h"
#include "engine/engine_fixture.h"
#include "engine/fake_engine.h"
#include "engine/oci_engine.h"

namespace baton {
namespace {

// A program twice: for a shell, and for the fake engine.
struct Script {
  std::string shell;
  FakeEngine::Program fake;
};

struct Case {
  std::string name;
  std::function<std::unique_ptr<Engine>(Clock&)> make;
  bool busybox = false;   // root filesystem of busybox; else the machine's own
  bool isolates = false;  // read-only mounts are read-only
  bool real = true;       // processes, not threads
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class EngineConformance : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    engine_ = GetParam().make(clock_);
    if (!engine_) GTEST_SKIP() << "runc is not installed: apt install runc";
    container_.spec.root.host = !GetParam().busybox;
    if (GetParam().busybox)
      container_.spec.root.layers = {busybox_root(container_.dir() + "/root")};
  }
  void program(const Script& script) {
    container_.shell(script.shell);
    if (auto* fake = dynamic_cast<FakeEngine*>(engine_.get())) fake->set_program(script.fake);
  }
  // A mount on a name of its own (the process engine links it into "/"), told to the program as
  // $PLACE.
  std::string place(bool writable, bool throw_away = false) {
    inside_ = "/baton-test-" + random_base32(10);
    container_.spec.env.emplace_back("PLACE", inside_);
    return container_.mount(inside_, writable, throw_away);
  }
  std::unique_ptr<Container> start() {
    auto container = engine_->start(container_.spec);
    if (!container.ok()) ADD_FAILURE() << container.error().text();
    return container.ok() ? std::move(container).value() : nullptr;
  }

  SystemClock clock_;
  TestContainer container_;
  std::unique_ptr<Engine> engine_;
  std::string inside_;
};

// Of engines that run processes, not threads.
class RealEngineConformance : public EngineConformance {};

const Script kForever{"echo up; while :; do sleep 1000; done", [](FakeProgram& program) {
                        program.out("up\n");
                        program.sleep_ms(1'000'000);
                        return ExitStatus{};
                      }};

TEST_P(EngineConformance, PassesExitCodesThrough) {
  for (int code : {0, 3, 255}) {
    program({fmt::format("exit {}", code), [code](FakeProgram&) { return ExitStatus{code, 0}; }});
    ContainerExit exit = container_.run(*engine_);
    EXPECT_EQ(exit.status.code, code);
    EXPECT_EQ(exit.status.signal, 0);
  }
}

TEST_P(EngineConformance, TellsTheSignalThatEndedTheProgram) {
  program({"kill -SEGV $$", [](FakeProgram&) { return ExitStatus{0, SIGSEGV}; }});
  EXPECT_EQ(container_.run(*engine_).status.signal, SIGSEGV);
}

TEST_P(EngineConformance, KeepsTheStreamsApart) {
  program({"echo one; echo two >&2", [](FakeProgram& p) {
             p.out("one\n");
             p.err("two\n");
             return ExitStatus{};
           }});
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "one\n");
  EXPECT_EQ(container_.err(), "two\n");
}

TEST_P(EngineConformance, HandsOverArgumentsAndEnvironmentUnchanged) {
  container_.spec.env.emplace_back("WORD", "a b:'\"$c\n=é");
  program({"", [](FakeProgram& p) {
             p.out(p.spec().env[0].second + "|" + p.spec().argv[4]);
             return ExitStatus{};
           }});
  container_.spec.argv = {"/bin/sh", "-c", "printf '%s|%s' \"$WORD\" \"$1\"", "name", "x  y\t--"};
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "a b:'\"$c\n=é|x  y\t--");
}

TEST_P(EngineConformance, WritesThroughAWritableMount) {
  std::string outside = place(true);
  program({"echo done > $PLACE/file", [this](FakeProgram& p) {
             EXPECT_TRUE(replace_file(p.path(inside_ + "/file"), "done\n", false).ok());
             return ExitStatus{};
           }});
  EXPECT_TRUE(container_.run(*engine_).status.success());
  EXPECT_EQ(read_file(outside + "/file").value(), "done\n");
}

TEST_P(EngineConformance, ReadsDataAndLeavesItAlone) {
  std::string outside = place(false);
  ASSERT_TRUE(replace_file(outside + "/file", "data\n", false).ok());
  const char* shell = GetParam().isolates ? "cat $PLACE/file; echo x 2>/dev/null > $PLACE/file && "
                                            "echo written; rm -f $PLACE/file; :"
                                          : "cat $PLACE/file";
  program({shell, [this](FakeProgram& p) {
             p.out(read_file(p.path(inside_ + "/file")).value());
             return ExitStatus{};
           }});
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "data\n");
  EXPECT_EQ(read_file(outside + "/file").value(), "data\n");
}

TEST_P(RealEngineConformance, ForgetsWhatIsWrittenToAThrowAwayMount) {
  std::string outside = place(true, true);
  ASSERT_TRUE(replace_file(outside + "/file", "old\n", false).ok());
  container_.shell(
      "cat $PLACE/file; echo new > $PLACE/file; cat $PLACE/file; touch $PLACE/more; ls $PLACE");
  EXPECT_TRUE(container_.run(*engine_).status.success());
  EXPECT_EQ(container_.out(), "old\nnew\nfile\nmore\n");
  EXPECT_EQ(read_file(outside + "/file").value(), "old\n");
  EXPECT_FALSE(exists(outside + "/more"));
}

TEST_P(RealEngineConformance, StartsInTheWorkingDirectory) {
  std::string outside = place(true);
  container_.spec.cwd = inside_;
  container_.shell("echo here > file");
  container_.run(*engine_);
  EXPECT_EQ(read_file(outside + "/file").value(), "here\n");
}

TEST_P(EngineConformance, SignalsReachTheProgram) {
  program({"trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done", [](FakeProgram& p) {
             p.out("up\n");
             return ExitStatus{p.wait_signal() == SIGTERM ? 5 : 1, 0};
           }});
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  ASSERT_TRUE(running->signal(SIGTERM).ok());
  auto exit = running->wait(30'000);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status.code, 5);
}

TEST_P(EngineConformance, TellsWhenItHasEnded) {
  program(kForever);
  auto running = start();
  ASSERT_TRUE(running);
  EXPECT_FALSE(running->wait(0));
  pollfd entry{running->exit_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 0), 0);
  ASSERT_TRUE(running->kill().ok());
  EXPECT_EQ(poll(&entry, 1, 30'000), 1);
  auto exit = running->wait(30'000);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status.signal, SIGKILL);
  EXPECT_TRUE(running->signal(SIGTERM).ok()) << "an ended container is success";
  EXPECT_TRUE(running->kill().ok());
  EXPECT_EQ(running->wait(0)->status.signal, SIGKILL) << "the answer stays";
}

TEST_P(RealEngineConformance, KillEndsEveryProcess) {
  container_.shell("trap '' TERM; (trap '' TERM; sleep 1000 & sleep 1000 & wait) & echo up; wait");
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  ASSERT_TRUE(eventually([&] { return running->pids().size() >= 4; }));
  auto pids = running->pids();
  ASSERT_TRUE(running->kill().ok());
  ASSERT_TRUE(running->wait(30'000));
  for (pid_t pid : pids) EXPECT_FALSE(process_start_time(pid)) << pid;
  EXPECT_TRUE(running->pids().empty());
}

TEST_P(EngineConformance, DroppingAContainerEndsItAndLeavesNothing) {
  std::string outside = place(true);
  program(kForever);
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  auto pids = running->pids();
  EXPECT_EQ(pids.empty(), !GetParam().real);
  running.reset();
  for (pid_t pid : pids) EXPECT_FALSE(process_start_time(pid)) << pid;
  EXPECT_TRUE(list_dir(container_.spec.work_dir).value().empty());
  EXPECT_FALSE(exists(inside_)) << "on this machine";
}

TEST_P(RealEngineConformance, ADaemonDoesNotOutliveTheProgram) {
  container_.shell("sleep 1000 & echo $!; exit 4");
  auto running = start();
  ASSERT_TRUE(running);
  auto exit = running->wait(30'000);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status.code, 4);
  EXPECT_FALSE(container_.out().empty()) << "the stream would stay open with the daemon";
}

TEST_P(RealEngineConformance, WhatASignalledShellStartedMayFinish) {
  std::string outside = place(true);
  // The shell in front dies of the signal at once; the program behind it needs a moment to save.
  container_.shell(
      "sh -c 'trap \"sleep 0.1; echo saved > $PLACE/state; exit 3\" TERM; echo up; while :; do "
      "sleep 0.01; done'; echo after");
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  ASSERT_TRUE(running->signal(SIGTERM).ok());
  auto exit = running->wait(30'000);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->status.code, 3) << "how the program itself ended counts, not its shell";
  EXPECT_EQ(exit->status.signal, 0);
  EXPECT_EQ(read_file(outside + "/state").value(), "saved\n");
}

// As a training script with a data loader's worker: it still needs that to save.
constexpr const char* kWithWorker = R"(sh -c '
    sh -c "trap \"exit 7\" USR1; touch $PLACE/ready; while :; do sleep 0.01; done" &
    worker=$!
    trap "kill -USR1 $worker; wait $worker; echo worker ended with \$?; exit 0" TERM
    until [ -e $PLACE/ready ]; do sleep 0.01; done
    echo up
    while :; do sleep 0.01; done')";

TEST_P(RealEngineConformance, WhatTheProgramStartedIsNotSignalled) {
  place(true);
  container_.shell(std::string(kWithWorker) + "; echo after");
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  ASSERT_TRUE(running->signal(SIGTERM).ok());
  ASSERT_TRUE(running->wait(30'000));
  EXPECT_EQ(container_.out(), "up\nworker ended with 7\n");
}

TEST_P(RealEngineConformance, NorWhereTheShellHasMadeWayForTheProgram) {
  place(true);
  container_.shell(std::string("exec ") + kWithWorker);
  auto running = start();
  ASSERT_TRUE(running);
  container_.out_stream().wait_for("up");
  ASSERT_TRUE(running->signal(SIGTERM).ok());
  ASSERT_TRUE(running->wait(30'000));
  EXPECT_EQ(container_.out(), "up\nworker ended with 7\n");
}

TEST_P(RealEngineConformance, AProgramThatIsNotThereEndsWith127) {
  container_.spec.argv = {"/no/such/program"};
  EXPECT_EQ(container_.run(*engine_).status.code, 127);
  EXPECT_EQ(container_.err(), "baton: cannot run /no/such/program: No such file or directory\n");
}

TEST_P(EngineConformance, RefusesToRunNothing) {
  container_.spec.argv.clear();
  auto container = engine_->start(container_.spec);
  ASSERT_FALSE(container.ok());
  EXPECT_EQ(container.error().code, Code::invalid);
}

TEST_P(RealEngineConformance, AMissingSourceIsNamedAndLeavesNothing) {
  container_.spec.mounts.push_back({container_.dir() + "/absent", "/data"});
  container_.shell("true");
  auto container = engine_->start(container_.spec);
  ASSERT_FALSE(container.ok());
  EXPECT_EQ(container.error().code, Code::not_found);
  EXPECT_NE(container.error().message.find(container_.dir() + "/absent"), std::string::npos);
  EXPECT_TRUE(list_dir(container_.spec.work_dir).value().empty());
}

// SIGKILL of the process that started it, as a crash or a vanished agent would be.
TEST_P(RealEngineConformance, DiesWithItsAgent) {
  container_.shell("trap '' TERM HUP; echo up; sleep 1000 & sleep 1000 & wait");
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  Fd read_end(fds[0]), write_end(fds[1]);
  pid_t agent = fork();
  if (agent == 0) {
    auto running = engine_->start(container_.spec);
    if (!running.ok()) _exit(1);
    std::vector<pid_t> pids;
    while (pids.size() < 3) pids = (*running)->pids();
    (void)write_all(write_end.get(),
                    std::string(reinterpret_cast<char*>(pids.data()), pids.size() * sizeof(pid_t)),
                    "a pipe");
    pause();
    _exit(0);
  }
  write_end.reset();
  std::array<pid_t, 16> pids{};
  ssize_t n = read(read_end.get(), pids.data(), sizeof pids);
  ::kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  ASSERT_GE(n, static_cast<ssize_t>(3 * sizeof(pid_t)));
  for (size_t i = 0; i < static_cast<size_t>(n) / sizeof(pid_t); ++i)
    EXPECT_TRUE(eventually([&] { return !process_start_time(pids[i]); })) << pids[i];
  ASSERT_TRUE(clean_up_container(container_.spec.id, container_.spec.work_dir).ok());
  EXPECT_TRUE(list_dir(container_.spec.work_dir).value().empty());
  EXPECT_TRUE(clean_up_container(container_.spec.id, container_.spec.work_dir).ok()) << "once more";
}

std::unique_ptr<Engine> oci(Clock&) { return make_oci_engine(); }

std::unique_ptr<Engine> runc(Clock&) {
  OciOptions options;
  options.runtime = find_program("runc").value_or("");
  return options.runtime.empty() ? nullptr : make_oci_engine(options);
}
std::unique_ptr<Engine> process(Clock&) { return make_process_engine(); }
std::unique_ptr<Engine> fake(Clock& clock) { return std::make_unique<FakeEngine>(clock); }

const Case kImage{"oci_image", oci, true, true};
const Case kHost{"oci_host", oci, false, true};
const Case kRunc{"runc", runc, true, true};
const Case kProcess{"process", process};
const Case kFake{"fake", fake, false, false, false};
const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(Engines, EngineConformance,
                         ::testing::Values(kImage, kHost, kRunc, kProcess, kFake), name_of);
INSTANTIATE_TEST_SUITE_P(Engines, RealEngineConformance,
                         ::testing::Values(kImage, kHost, kRunc, kProcess), name_of);

}  // namespace
}  // namespace baton
