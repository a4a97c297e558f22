#include "agent/courier.h"

#include <algorithm>
#include <thread>

#include "agent/agent_fixture.h"
#include "os/no_threads.h"
#include "store/fake_bucket.h"

namespace baton {
namespace {

// A job whose results go to a bucket that can be made to hang.
class CourierTest : public Agent {
 protected:
  void SetUp() override {
    Agent::SetUp();
    parts_.emplace(parts());
    ASSERT_TRUE(make_dirs(results()).ok());
    committer_ = make_committer(*store_, "job", 1);
    bucket_->before = [this](const std::string& what, const std::string& key) -> Status {
      if (what != "put" || key.find("_baton") != std::string::npos) return {};
      std::unique_lock lock(mutex_);
      ++writing_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !hanging_; });
      return refusal_;
    };
  }
  std::string results() const { return dir_->path() + "/results"; }
  Manifest commit(const std::string& content) {
    EXPECT_TRUE(replace_file(results() + "/a", content, false).ok());
    auto captured =
        committer_->capture({{"results", results()}}, ++seq_, 0, clock_.wall_ms() + 60'000, {});
    EXPECT_TRUE(captured.ok());
    return captured.ok() ? captured->manifest : Manifest{};
  }
  void hang(bool on) {
    std::lock_guard lock(mutex_);
    hanging_ = on;
    changed_.notify_all();
  }
  void refuse(Status refusal) {
    std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
  }
  // Waits until so many writes of results were begun.
  bool writing(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return writing_ >= count; });
  }
  std::string there() const {
    auto all = bucket_->all();
    auto found = all.find("job/a");
    return found == all.end() ? "nothing" : found->second;
  }
  bool soon(const std::string& content) const {
    for (int i = 0; i < 1'000 && there() != content; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return there() == content;
  }

  std::optional<AgentParts> parts_;  // set up with the store
  std::shared_ptr<FakeBucket> bucket_ = std::make_shared<FakeBucket>();
  std::unique_ptr<Committer> committer_;
  uint64_t seq_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int writing_ = 0;       // guarded by mutex_
  bool hanging_ = false;  // guarded by mutex_
  Status refusal_;        // guarded by mutex_
};

TEST_F(CourierTest, OfSeveralThatWaitTheLastIsDelivered) {
  hang(true);
  Courier courier(bucket_, *parts_, "job", results());
  courier.post(commit("one"));
  ASSERT_TRUE(writing(1));
  courier.post(commit("two"));
  courier.post(commit("three"));
  hang(false);
  EXPECT_TRUE(soon("three"));
  EXPECT_EQ(bucket_->all().count("job/_baton/complete.json"), 0U);
  EXPECT_TRUE(courier.deliver_last({}, Json{{"outcome", "succeeded"}}).ok());
  EXPECT_EQ(writing_, 2) << "the one in the middle was sent for nothing";
  EXPECT_EQ(bucket_->all().count("job/_baton/complete.json"), 1U);
}

TEST_F(CourierTest, StandsBackAndCarriesOnWithTheLastCommit) {
  hang(true);
  Courier courier(bucket_, *parts_, "job", results());
  courier.post(commit("one"));
  ASSERT_TRUE(writing(1));
  courier.post(commit("two"));
  courier.stand_back();
  courier.post(commit("three"));
  hang(false);
  courier.carry_on();
  EXPECT_TRUE(soon("three"));
  EXPECT_EQ(writing_, 2) << "what waited when it stood back was sent all the same";
  courier.post(commit("four"));
  EXPECT_TRUE(soon("four"));
}

TEST_F(CourierTest, NothingIsSentWhileItStandsBack) {
  {
    Courier courier(bucket_, *parts_, "job", results());
    courier.stand_back();
    courier.post(commit("one"));
  }
  EXPECT_EQ(writing_, 0);
  EXPECT_TRUE(bucket_->all().empty());
}

TEST_F(CourierTest, CarriesOnWhileWhatWasGivenUpStillHangs) {
  hang(true);
  Courier courier(bucket_, *parts_, "job", results());
  courier.post(commit("one"));
  ASSERT_TRUE(writing(1));
  courier.stand_back();
  courier.post(commit("two"));
  courier.carry_on();
  hang(false);
  EXPECT_TRUE(soon("two"));
}

TEST_F(CourierTest, WhatWasNeverPostedIsNotCarriedOn) {
  Courier courier(bucket_, *parts_, "job", results());
  courier.stand_back();
  courier.carry_on();
  EXPECT_TRUE(courier.deliver_last({}, std::nullopt).ok());
  EXPECT_EQ(there(), "nothing");
}

TEST_F(CourierTest, TheLastCommitIsDeliveredAlsoAfterStandingBack) {
  Courier courier(bucket_, *parts_, "job", results());
  courier.stand_back();
  courier.post(commit("one"));
  EXPECT_EQ(there(), "nothing");
  EXPECT_TRUE(courier.deliver_last({{"log.txt", "said\n"}}, std::nullopt).ok());
  EXPECT_EQ(there(), "one");
  EXPECT_EQ(bucket_->all().at("job/log.txt"), "said\n");
}

TEST_F(CourierTest, ARefusalIsSaidOnceAndTriedAgainWithTheNextCommit) {
  refuse(Error{Code::denied, "the bucket refuses", ""});
  {
    Courier courier(bucket_, *parts_, "job", results());
    courier.post(commit("one"));
    ASSERT_TRUE(writing(1));
    courier.post(commit("two"));
    ASSERT_TRUE(writing(2));
    EXPECT_FALSE(courier.deliver_last({}, std::nullopt).ok());
    refuse({});
    courier.post(commit("three"));
    EXPECT_TRUE(soon("three"));
  }
  EXPECT_EQ(std::count_if(view_.lines.begin(), view_.lines.end(),
                          [](const std::string& line) {
                            return line.find("the bucket refuses") != std::string::npos;
                          }),
            1);
}

TEST_F(CourierTest, WithoutAThreadTheEndDelivers) {
  Courier courier(bucket_, *parts_, "job", results());
  {
    NoThreads limit;
    courier.post(commit("one"));
  }
  EXPECT_EQ(there(), "nothing");
  EXPECT_TRUE(view_.told("cannot start a thread"));
  EXPECT_TRUE(courier.deliver_last({}, std::nullopt).ok());
  EXPECT_EQ(there(), "one");
}

}  // namespace
}  // namespace baton
