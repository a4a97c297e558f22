#include "os/crew.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

namespace baton {
namespace {

constexpr auto kLong = std::chrono::seconds(20);

// Waits until it holds; false after kLong.
bool wait_for(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

Status no_error() { return {}; }

TEST(Crew, DoesEveryTaskOnce) {
  for (int workers : {0, 1, 3, 50}) {
    std::mutex mutex;
    std::multiset<size_t> done;
    auto task = [&](int worker, size_t index) -> Status {
      EXPECT_GE(worker, 0);
      EXPECT_LT(worker, std::max(workers, 1));
      std::lock_guard lock(mutex);
      done.insert(index);
      return {};
    };
    EXPECT_TRUE(run_crew(workers, 20, task, no_error).ok());
    EXPECT_EQ(done.size(), 20U);
    EXPECT_EQ(std::set<size_t>(done.begin(), done.end()).size(), 20U);
    EXPECT_TRUE(run_crew(workers, 0, task, no_error).ok());
  }
}

TEST(Crew, ThePollIsAskedWhileATaskRuns) {
  for (int workers : {1, 4}) {
    std::atomic<int> polled{0};
    const auto caller = std::this_thread::get_id();
    auto task = [&](int, size_t) -> Status {
      EXPECT_TRUE(wait_for([&] { return polled >= 4; }));
      return {};
    };
    auto poll = [&]() -> Status {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      ++polled;
      return {};
    };
    EXPECT_TRUE(run_crew(workers, 1, task, poll).ok());
  }
}

TEST(Crew, APollWithAnErrorEndsTheWorkSoon) {
  std::atomic<int> begun{0};
  std::atomic<bool> stopped{false};
  auto task = [&](int, size_t) -> Status {
    ++begun;
    EXPECT_TRUE(wait_for([&] { return stopped.load(); }));
    return Error{Code::transient, "torn off", ""};
  };
  auto poll = [&]() -> Status {
    return begun < 2 ? Status() : Status(Error{Code::cancelled, "enough", ""});
  };
  Status status = run_crew(2, 100, task, poll, [&] { stopped = true; });
  EXPECT_TRUE(status.is(Code::cancelled));  // not what came of it
  EXPECT_EQ(begun, 2);
}

TEST(Crew, ATasksErrorEndsTheOthers) {
  std::atomic<bool> stopped{false};
  auto task = [&](int, size_t index) -> Status {
    if (index == 1) return Error{Code::denied, "no", ""};
    EXPECT_TRUE(wait_for([&] { return stopped.load(); }));
    return Error{Code::cancelled, "torn off", ""};
  };
  EXPECT_TRUE(run_crew(2, 100, task, no_error, [&] { stopped = true; }).is(Code::denied));
}

// Root's threads are not counted.
TEST(Crew, WithoutThreadsTheCallerDoesIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody who has a limit";
  pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(65534) != 0) _exit(99);
    int done = 0, polled = 0;
    const auto caller = std::this_thread::get_id();
    auto task = [&](int worker, size_t) -> Status {
      if (worker == 0 && std::this_thread::get_id() == caller) ++done;
      return {};
    };
    auto poll = [&]() -> Status {
      return ++polled < 3 ? Status() : Status(Error{Code::cancelled, "enough", ""});
    };
    const bool all = run_crew(4, 5, task, no_error).ok() && done == 5;
    const bool some = run_crew(4, 5, task, poll).is(Code::cancelled) && done == 7;
    _exit((all ? 0 : 1) + (some ? 0 : 2));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Crew, WhoHasEnoughAtOnceBeginsNothing) {
  int begun = 0;
  auto task = [&](int, size_t) -> Status {
    ++begun;
    return {};
  };
  auto poll = []() -> Status { return Error{Code::cancelled, "enough", ""}; };
  EXPECT_TRUE(run_crew(1, 3, task, poll).is(Code::cancelled));
  EXPECT_EQ(begun, 0);
}

}  // namespace
}  // namespace baton
