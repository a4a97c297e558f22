#include "net/renewed.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace baton {
namespace {

struct Key {
  std::string text;
  int64_t expires_ms = 0;
  bool operator==(const Key&) const = default;
};

// Knows who has asked it for the time.
class WatchedClock : public ManualClock {
 public:
  int64_t wall_ms() const override {
    std::lock_guard lock(mutex_);
    threads_.insert(std::this_thread::get_id());
    return ManualClock::wall_ms();
  }
  size_t threads() const {
    std::lock_guard lock(mutex_);
    return threads_.size();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::set<std::thread::id> threads_;
};

class Renewed : public testing::Test {
 protected:
  // Gives key 1, 2, 3 …, or an error while `failing`; waits while `slow`.
  Result<Key> find() {
    int number = ++finds_;
    while (slow_) std::this_thread::yield();
    if (failing_) return Error{Code::transient, "nobody answers", ""};
    return Key{std::to_string(number), clock_.ManualClock::wall_ms() + kGoodMs};
  }

  static constexpr int64_t kGoodMs = 3'600'000;
  WatchedClock clock_;
  std::atomic<int> finds_{0};
  std::atomic<bool> failing_{false}, slow_{false};
  RenewedCredentials<Key> source_{[this] { return find(); }, clock_};
};

TEST_F(Renewed, WhoWaitsForALookThatFindsNothingDoesNotLookAgain) {
  ASSERT_TRUE(source_.get().ok());
  clock_.advance(kGoodMs);
  failing_ = slow_ = true;
  const size_t before = clock_.threads();
  std::vector<std::future<bool>> waiting;
  for (size_t i = 0; i < 8; ++i)
    waiting.push_back(std::async(std::launch::async, [&] { return source_.get().ok(); }));
  // Who has looked at the time holds the lock until it waits, or looks itself.
  while (clock_.threads() < before + 8) std::this_thread::yield();
  slow_ = false;
  for (auto& one : waiting) EXPECT_FALSE(one.get());
  EXPECT_EQ(finds_, 2);
}

TEST_F(Renewed, WhatIsDoubtedIsUsedOnWhereThereIsNothingElse) {
  const Key first = *source_.get();
  failing_ = true;
  source_.doubt(first);
  auto still = source_.get();
  ASSERT_TRUE(still.ok());
  EXPECT_EQ(still->text, "1");
  EXPECT_EQ(finds_, 2) << "it was looked for";
  EXPECT_EQ(source_.get()->text, "1");
  EXPECT_EQ(finds_, 2) << "once";
}

TEST_F(Renewed, WhatIsDoubtedIsReplacedAtOnceWhereThereIsSomethingElse) {
  source_.doubt(*source_.get());
  EXPECT_EQ(source_.get()->text, "2");
}

// In a process of its own, as the limit is of a user.
TEST_F(Renewed, WithoutRoomForAThreadTheOldOnesAreUsedOn) {
  auto limited = [this] {
    bool good = source_.get().ok();
    clock_.advance(kGoodMs - RenewalTimes().before_ms + 1);  // soon at their end
    const rlimit none{0, 0};
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(3);
    for (int i = 0; i < 3; ++i) good = good && source_.get().ok();
    _exit(good && finds_ == 1 ? 0 : 1);
  };
  EXPECT_EXIT(limited(), testing::ExitedWithCode(0), "");
}

TEST_F(Renewed, WhatIsRefusedIsUsedNoMore) {
  source_.refuse(*source_.get());
  failing_ = true;
  EXPECT_TRUE(source_.get().is(Code::transient));
  failing_ = false;
  EXPECT_EQ(source_.get()->text, "3");
}

}  // namespace
}  // namespace baton
