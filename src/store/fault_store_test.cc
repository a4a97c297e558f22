#include "store/fault_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>

#include "os/files.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

FaultPlan once(Fault fault) {
  return [fault, left = 1](uint64_t, const char*, const std::string&) mutable {
    return left-- > 0 ? fault : Fault::none;
  };
}

TEST(FaultStore, ErrorsComeBeforeOrAfterTheEffect) {
  auto after = make_fault_store(make_mem_store(), once(Fault::lost_reply));
  EXPECT_TRUE(after->create("a", "x").is(Code::transient));
  EXPECT_TRUE(after->create("a", "x").is(Code::exists));
  auto before = make_fault_store(make_mem_store(), once(Fault::error_before));
  EXPECT_TRUE(before->create("a", "x").is(Code::transient));
  EXPECT_TRUE(before->create("a", "x").ok());
  auto full = make_fault_store(make_mem_store(), once(Fault::no_space));
  EXPECT_TRUE(full->create("a", "x").is(Code::no_space));
  EXPECT_TRUE(full->create("a", "x").ok());
}

TEST(FaultStore, KillsTheProcessBeforeOrAfterTheEffect) {
  TempDir directory = TempDir::create("baton-fault").value();
  for (Fault fault : {Fault::kill_before, Fault::kill_after, Fault::torn}) {
    std::string path = fmt::format("{}/{}", directory.path(), static_cast<int>(fault));
    auto open = [&] { return open_dir_store(path, {.durable = false}).value(); };
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ASSERT_TRUE(open()->create("before", "x").ok());
      Status unreachable = make_fault_store(open(), once(fault))->create("a", "0123456789");
      _exit(unreachable.ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    EXPECT_EQ(open()->get("a", 100).ok(), fault == Fault::kill_after);
    auto left = list_dir(path + "/tmp").value();
    ASSERT_THAT(left, SizeIs(fault == Fault::torn ? 1 : 0));
    if (fault == Fault::torn) {
      EXPECT_EQ(read_file(path + "/tmp/" + left[0]).value(), "01234");
    }
  }
}

TEST(FaultStore, PlansSeeEveryOperationInOrder) {
  std::vector<std::string> seen;
  auto store = make_fault_store(
      make_mem_store(), [&](uint64_t number, const char* operation, const std::string& key) {
        seen.push_back(fmt::format("{} {} {}", number, operation, key));
        return Fault::none;
      });
  EXPECT_TRUE(store->create("k", "v").ok());
  EXPECT_TRUE(store->put("k", "w").ok());
  EXPECT_TRUE(store->get("k", 1).ok());
  EXPECT_TRUE(store->get_range("k", 0, 1).ok());
  EXPECT_TRUE(store->head("k").ok());
  EXPECT_TRUE(store->list("p/", {}).ok());
  EXPECT_TRUE(store->remove("k").ok());
  EXPECT_TRUE(store->flush().ok());
  EXPECT_THAT(seen, ElementsAre("0 create k", "1 put k", "2 get k", "3 get_range k", "4 head k",
                                "5 list p/", "6 remove k", "7 flush "));
}

TEST(FaultPlan, AtNamesOnePlace) {
  auto plan = parse_fault_plan("at=12:kill_before").value();
  for (uint64_t i = 0; i < 20; ++i)
    EXPECT_EQ(plan(i, "get", "k"), i == 12 ? Fault::kill_before : Fault::none);
}

TEST(FaultPlan, ProbabilitiesDependOnSeedAndNumberAlone) {
  auto one = parse_fault_plan("seed=17,kill=0.1,lost=0.1,error=0.1,torn=0.1").value();
  auto same = parse_fault_plan("seed=17,kill=0.1,lost=0.1,error=0.1,torn=0.1").value();
  auto other = parse_fault_plan("seed=18,kill=0.1,lost=0.1,error=0.1,torn=0.1").value();
  std::map<Fault, int> counts;
  int differences = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    Fault fault = one(i, "create", "k");
    ++counts[fault];
    EXPECT_EQ(fault, same(i, "put", "other"));
    EXPECT_EQ(one(i, "get", "k"), Fault::none);
    differences += fault != other(i, "create", "k") ? 1 : 0;
  }
  EXPECT_GT(differences, 4000);
  EXPECT_NEAR(counts[Fault::none], 6000, 200);
  EXPECT_NEAR(counts[Fault::kill_before] + counts[Fault::kill_after], 1000, 120);
  EXPECT_NEAR(counts[Fault::kill_before], 500, 90);
  for (Fault fault : {Fault::lost_reply, Fault::error_before, Fault::torn})
    EXPECT_NEAR(counts[fault], 1000, 120);
}

TEST(FaultPlan, NothingBreaksWithoutOne) {
  EXPECT_FALSE(parse_fault_plan("").value());
  EXPECT_TRUE(make_fault_store(make_mem_store(), nullptr)->create("a", "").ok());
}

TEST(FaultPlan, OddTextIsRefused) {
  for (const char* text :
       {"kill", "kill=", "kill=x", "kill=2", "kill=-1", "seed=x", "seed=", "odd=0.1",
        "at=", "at=x:torn", "at=1", "at=1:none", "at=1:torn:2", "kill=0.1,,lost=0.1", "kill=nan"})
    EXPECT_TRUE(parse_fault_plan(text).is(Code::invalid)) << text;
}

TEST(RetryStore, RepeatsWhatIsTransientWithGrowingWaits) {
  std::vector<int64_t> waits;
  int calls = 0;
  auto failing = make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string&) {
    ++calls;
    return Fault::error_before;
  });
  auto store = make_retry_store(std::move(failing), 5, [&](int64_t ms) { waits.push_back(ms); });
  EXPECT_TRUE(store->get("a", 1).is(Code::transient));
  EXPECT_EQ(calls, 5);
  ASSERT_THAT(waits, SizeIs(4));
  for (size_t i = 0; i < waits.size(); ++i) {
    EXPECT_GE(waits[i], 25 << i);
    EXPECT_LE(waits[i], 50 << i);
  }
}

TEST(RetryStore, LeavesOtherErrorsAlone) {
  int calls = 0;
  auto full = make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string&) {
    ++calls;
    return Fault::no_space;
  });
  auto store = make_retry_store(std::move(full), 5, [](int64_t) { FAIL(); });
  EXPECT_TRUE(store->create("a", "").is(Code::no_space));
  EXPECT_TRUE(store->flush().is(Code::no_space));
  EXPECT_EQ(calls, 2);
}

TEST(RetryStore, ALostReplyShowsAsExists) {
  auto store = make_retry_store(make_fault_store(make_mem_store(), once(Fault::lost_reply)), 3,
                                [](int64_t) {});
  EXPECT_TRUE(store->create("a", "mine").is(Code::exists));
  EXPECT_EQ(store->get("a", 10).value(), "mine");
}

}  // namespace
}  // namespace baton
