#include "agent/errands.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <string>

#include "os/no_threads.h"

namespace baton {
namespace {

TEST(Errands, AreDoneInOrderElsewhereAndEndHere) {
  Errands errands;
  std::string done, ended;
  const auto here = std::this_thread::get_id();
  for (char name : {'a', 'b', 'c'})
    errands.post([&, name]() -> Errands::After {
      EXPECT_NE(std::this_thread::get_id(), here);
      done += name;
      if (name == 'b') return nullptr;
      return [&, name] {
        ended += name;
        return Status();
      };
    });
  while (ended != "ac") {
    pollfd ready{errands.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 10'000), 1);
    while (auto after = errands.take()) EXPECT_TRUE((*after)().ok());
  }
  EXPECT_EQ(done, "abc");
  pollfd quiet{errands.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&quiet, 1, 0), 0) << "nothing is left to take";
}

TEST(Errands, FinishWaitsForAllAndTakesNothingMore) {
  Errands errands;
  std::promise<void> go;
  bool second = false;
  errands.post([&]() -> Errands::After {
    go.get_future().wait();
    return [] { return Status(Error{Code::fenced, "stale", ""}); };
  });
  errands.post([&]() -> Errands::After {
    second = true;
    return nullptr;
  });
  EXPECT_FALSE(errands.take());
  go.set_value();
  errands.finish();
  EXPECT_TRUE(second);
  EXPECT_FALSE(errands.take());
}

TEST(Errands, WhatHasNotBegunIsDroppedAtTheEnd) {
  std::promise<void> begun, go;
  bool second = false;
  std::thread release;
  {
    Errands errands;
    errands.post([&]() -> Errands::After {
      begun.set_value();
      go.get_future().wait();
      return nullptr;
    });
    errands.post([&]() -> Errands::After {
      second = true;
      return nullptr;
    });
    begun.get_future().wait();
    release = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      go.set_value();
    });
  }
  release.join();
  EXPECT_FALSE(second);
}

TEST(Errands, WithoutAThreadTheyAreDoneByWhoPostsThem) {
  std::string done;
  {
    NoThreads limit;
    Errands errands;
    errands.post([&]() -> Errands::After {
      done += 'a';
      return [&] {
        done += 'b';
        return Status();
      };
    });
    EXPECT_EQ(done, "a");
    auto after = errands.take();
    ASSERT_TRUE(after);
    EXPECT_TRUE((*after)().ok());
    errands.finish();
  }
  EXPECT_EQ(done, "ab");
}

}  // namespace
}  // namespace baton
