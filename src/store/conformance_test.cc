#include "store/conformance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "os/files.h"
#include "store/fault_store.h"

namespace baton {

std::vector<std::string> StoreConformance::keys(const std::string& prefix,
                                                const ListOptions& options) {
  auto page = store_->list(prefix, options);
  EXPECT_TRUE(page.ok());
  std::vector<std::string> keys;
  for (size_t i = 0; page.ok() && i < page->objects.size(); ++i)
    keys.push_back(page->objects[i].key);
  return keys;
}

std::vector<std::string> StoreConformance::all_keys(const std::string& prefix,
                                                    const ListOptions& options) {
  std::vector<std::string> keys;
  EXPECT_TRUE(for_each_object(*store_, prefix, options, [&](const ObjectInfo& object) {
                keys.push_back(object.key);
                return true;
              }).ok());
  return keys;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kLimit = 1 << 20;

TEST_P(StoreConformance, CreateSucceedsOnceAndKeepsTheFirstContent) {
  EXPECT_TRUE(store_->create("jobs/a/job.json", "first").ok());
  EXPECT_TRUE(store_->create("jobs/a/job.json", "second").is(Code::exists));
  EXPECT_EQ(store_->get("jobs/a/job.json", kLimit).value(), "first");
}

TEST_P(StoreConformance, PutReplaces) {
  EXPECT_TRUE(store_->put("beats/1", "one").ok());
  EXPECT_TRUE(store_->put("beats/1", "").ok());
  EXPECT_EQ(store_->get("beats/1", kLimit).value(), "");
  EXPECT_TRUE(store_->create("beats/1", "x").is(Code::exists));
}

TEST_P(StoreConformance, AbsentObjectsAreNotFound) {
  EXPECT_TRUE(store_->get("a/b/c", kLimit).is(Code::not_found));
  EXPECT_TRUE(store_->get_range("a/b/c", 0, 1).is(Code::not_found));
  EXPECT_TRUE(store_->head("a/b/c").is(Code::not_found));
  EXPECT_TRUE(store_->remove("a/b/c").ok());
}

TEST_P(StoreConformance, ADirectoryIsNoObject) {
  ASSERT_TRUE(store_->create("a/b/c", "x").ok());
  EXPECT_TRUE(store_->get("a/b", kLimit).is(Code::not_found));
  EXPECT_TRUE(store_->head("a/b").is(Code::not_found));
  EXPECT_TRUE(store_->remove("a/b").ok());
  EXPECT_TRUE(store_->head("a/b/c").ok());
}

TEST_P(StoreConformance, GetRefusesWhatIsLargerThanTheLimit) {
  ASSERT_TRUE(store_->create("k", "12345").ok());
  EXPECT_EQ(store_->get("k", 5).value(), "12345");
  EXPECT_TRUE(store_->get("k", 4).is(Code::invalid));
}

TEST_P(StoreConformance, RangesEndWithTheObject) {
  ASSERT_TRUE(store_->create("k", "0123456789").ok());
  EXPECT_EQ(store_->get_range("k", 0, 3).value(), "012");
  EXPECT_EQ(store_->get_range("k", 7, 100).value(), "789");
  EXPECT_EQ(store_->get_range("k", 10, 1).value(), "");
  EXPECT_EQ(store_->get_range("k", 11, UINT64_MAX - 20).value(), "");
  EXPECT_EQ(store_->get_range("k", 2, 0).value(), "");
  EXPECT_EQ(store_->head("k")->size, 10u);
}

TEST_P(StoreConformance, KeepsBigAndBinaryObjects) {
  std::string bytes(5'000'001, '\0');
  std::mt19937 random(1);
  for (char& c : bytes) c = static_cast<char>(random());
  ASSERT_TRUE(store_->create("jobs/j/blobs/1/ab/abc", bytes).ok());
  EXPECT_TRUE(store_->get("jobs/j/blobs/1/ab/abc", bytes.size()).value() == bytes);
  EXPECT_TRUE(store_->get_range("jobs/j/blobs/1/ab/abc", 4'999'990, 100).value() ==
              bytes.substr(4'999'990));
}

// Sizes around those at which an implementation may go another way: aligned or not, small or large.
TEST_P(StoreConformance, ReadsIntoMemoryWhatWasWrittenFromMemory) {
  constexpr size_t kMost = 1 << 20;
  auto* memory = static_cast<char*>(std::aligned_alloc(kDirectAlignment, 2 * kMost));
  std::mt19937 random(2);
  for (size_t i = 0; i < kMost; ++i) memory[i] = static_cast<char>(random());
  char* back = memory + kMost;
  for (size_t size :
       {0ul, 1ul, 4096ul, 262'143ul, 262'144ul, 262'145ul, 300'000ul, 999'999ul, 1ul << 20}) {
    for (size_t shift : {0ul, 1ul}) {
      size = std::min(size, kMost - shift);
      std::string key = "k/" + std::to_string(size) + "-" + std::to_string(shift);
      std::string_view bytes(memory + shift, size);
      ASSERT_TRUE(store_->create(key, bytes).ok());
      store_->will_read(key);
      EXPECT_EQ(store_->read_into(key, back, size).value(), size);
      EXPECT_TRUE(std::string_view(back, size) == bytes) << key;
      EXPECT_TRUE(store_->get(key, kMost).value() == bytes) << key;
    }
  }
  EXPECT_TRUE(store_->read_into("k/300000-0", back, 299'999).is(Code::invalid));
  EXPECT_TRUE(store_->read_into("k/none", back, 1).is(Code::not_found));
  std::free(memory);
}

TEST_P(StoreConformance, AskingAheadForWhatIsNotThereIsHarmless) {
  for (const char* key : {"k/none", "", "/", "../outside", "tmp/x"}) store_->will_read(key);
  EXPECT_TRUE(store_->get("k/none", 1).is(Code::not_found));
  EXPECT_TRUE(store_->list("", {}).value().objects.empty());
}

TEST_P(StoreConformance, RemovedNamesAreFreeAgain) {
  ASSERT_TRUE(store_->create("a/b/c", "1").ok());
  ASSERT_TRUE(store_->remove("a/b/c").ok());
  EXPECT_TRUE(store_->head("a/b/c").is(Code::not_found));
  EXPECT_TRUE(store_->create("a/b/c", "2").ok());
  EXPECT_EQ(store_->get("a/b/c", kLimit).value(), "2");
}

TEST_P(StoreConformance, RefusesHostileKeys) {
  for (const char* key : {"", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../../x", "a/./b", ".",
                          "..", "a b", "a\nb", "ä", "tmp", "tmp/x", "a\\b", "a:b", "a*"}) {
    EXPECT_TRUE(store_->create(key, "x").is(Code::invalid)) << key;
    EXPECT_TRUE(store_->put(key, "x").is(Code::invalid)) << key;
    EXPECT_TRUE(store_->get(key, 1).is(Code::invalid)) << key;
    EXPECT_TRUE(store_->get_range(key, 0, 1).is(Code::invalid)) << key;
    EXPECT_TRUE(store_->head(key).is(Code::invalid)) << key;
    EXPECT_TRUE(store_->remove(key).is(Code::invalid)) << key;
  }
  EXPECT_TRUE(store_->get(std::string("a\0b", 3), 1).is(Code::invalid));
  EXPECT_TRUE(store_->create(std::string(256, 'a'), "x").is(Code::invalid));
  for (const char* prefix : {"a", "/", "../", "a//", "tmp/"})
    EXPECT_TRUE(store_->list(prefix, {}).is(Code::invalid)) << prefix;
  EXPECT_THAT(all_keys(""), IsEmpty());
}

TEST_P(StoreConformance, TakesEveryAllowedCharacterAndLength) {
  std::string odd = "a.b_c~d=e,f+g@h-i/...x/-/Z9";
  std::string longest = fmt::format("{}/{}/{}/{}", std::string(255, 'a'), std::string(255, 'b'),
                                    std::string(255, 'c'), std::string(132, 'd'));
  ASSERT_EQ(longest.size(), 900u);
  EXPECT_TRUE(store_->create(odd, "1").ok());
  EXPECT_TRUE(store_->create(longest, "2").ok());
  EXPECT_EQ(store_->get(longest, 1).value(), "2");
  EXPECT_THAT(all_keys(""), ElementsAre(odd, longest));
}

TEST_P(StoreConformance, ListsInBytewiseOrder) {
  for (const char* key : {"p/a/x", "p/a.json", "p/a-b", "p/ab", "p/B", "p/a/y/z", "q/other", "p~"})
    ASSERT_TRUE(store_->create(key, "12").ok());
  EXPECT_THAT(keys("p/"), ElementsAre("p/B", "p/a-b", "p/a.json", "p/a/x", "p/a/y/z", "p/ab"));
  EXPECT_THAT(keys(""),
              ElementsAre("p/B", "p/a-b", "p/a.json", "p/a/x", "p/a/y/z", "p/ab", "p~", "q/other"));
  EXPECT_THAT(keys("nothing/here/"), IsEmpty());
  EXPECT_THAT(keys("p/a.json/"), IsEmpty());
  EXPECT_EQ(store_->list("p/", {})->objects[0].size, 2u);
}

TEST_P(StoreConformance, ListsFromTheMiddle) {
  for (const char* key : {"p/a/x", "p/a/y", "p/b", "p/c/z"})
    ASSERT_TRUE(store_->create(key, "").ok());
  EXPECT_THAT(keys("p/", {.after = "p/a/x"}), ElementsAre("p/a/y", "p/b", "p/c/z"));
  EXPECT_THAT(keys("p/", {.after = "p/a/xx"}), ElementsAre("p/a/y", "p/b", "p/c/z"));
  EXPECT_THAT(keys("p/", {.after = "p/a"}), ElementsAre("p/a/x", "p/a/y", "p/b", "p/c/z"));
  EXPECT_THAT(keys("p/", {.after = "p/bb"}), ElementsAre("p/c/z"));
  EXPECT_THAT(keys("p/", {.after = "p/c/z"}), IsEmpty());
  EXPECT_THAT(keys("p/", {.after = "a"}), ElementsAre("p/a/x", "p/a/y", "p/b", "p/c/z"));
}

TEST_P(StoreConformance, FoldsDirectories) {
  for (const char* key : {"jobs/b/job.json", "jobs/b/events/1", "jobs/a/job.json", "jobs/top"})
    ASSERT_TRUE(store_->create(key, "x").ok());
  EXPECT_THAT(keys("jobs/", {.directories = true}), ElementsAre("jobs/a/", "jobs/b/", "jobs/top"));
  EXPECT_THAT(keys("jobs/", {.after = "jobs/a/", .directories = true}),
              ElementsAre("jobs/b/", "jobs/top"));
  EXPECT_THAT(keys("", {.directories = true}), ElementsAre("jobs/"));
  EXPECT_EQ(store_->list("jobs/", {.directories = true})->objects[0].size, 0u);
  ASSERT_TRUE(store_->remove("jobs/a/job.json").ok());
  EXPECT_THAT(keys("jobs/", {.directories = true}), ElementsAre("jobs/b/", "jobs/top"));
}

TEST_P(StoreConformance, PagesThroughManyEntries) {
  std::vector<std::string> expected, folded;
  for (int i = 0; i < 1234; ++i) expected.push_back(fmt::format("many/{:05}", i));
  for (int i = 0; i < 40; ++i) expected.push_back(fmt::format("many/d{:02}/x", i));
  for (int i = 0; i < 1234; ++i) folded.push_back(fmt::format("many/{:05}", i));
  for (int i = 0; i < 40; ++i) folded.push_back(fmt::format("many/d{:02}/", i));
  for (const auto& key : expected) ASSERT_TRUE(store_->create(key, "").ok());
  auto page = store_->list("many/", {});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->objects.size(), 1000u);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(all_keys("many/"), expected);
  EXPECT_EQ(all_keys("many/", {.limit = 7}), expected);
  EXPECT_EQ(all_keys("many/", {.limit = 100000, .sizes = false}), expected);
  EXPECT_EQ(all_keys("many/", {.limit = 13, .directories = true}), folded);
  EXPECT_EQ(all_keys("many/", {.after = "many/00999", .limit = 100, .sizes = false}).size(), 274u);
}

TEST_P(StoreConformance, APageThatIsJustFullHasNoMore) {
  for (const char* key : {"p/1", "p/2", "p/3"}) ASSERT_TRUE(store_->create(key, "").ok());
  EXPECT_FALSE(store_->list("p/", {.limit = 3})->more);
  EXPECT_FALSE(store_->list("p/", {.limit = 3, .sizes = false})->more);
  EXPECT_TRUE(store_->list("p/", {.limit = 2})->more);
  EXPECT_TRUE(store_->list("p/", {.limit = 2, .sizes = false})->more);
}

TEST_P(StoreConformance, DeferredBlobsAreThereAfterFlush) {
  store_->defer_sync(true);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(store_->create(fmt::format("jobs/j/blobs/1/aa/{}", i), "x").ok());
  EXPECT_TRUE(store_->create("jobs/j/blobs/1/aa/3", "x").is(Code::exists));
  ASSERT_TRUE(store_->remove("jobs/j/blobs/1/aa/4").ok());
  EXPECT_TRUE(store_->flush().ok());
  store_->defer_sync(false);
  EXPECT_TRUE(store_->flush().ok());
  EXPECT_EQ(all_keys("jobs/j/blobs/").size(), 19u);
}

TEST_P(StoreConformance, OneOfManyThreadsCreates) {
  constexpr int kThreads = 8, kRounds = 60;
  std::vector<std::atomic<int>> winners(kRounds);
  std::atomic<int> odd{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t, own = under_test_->open()] {
      for (int i = 0; i < kRounds; ++i) {
        Status status = own->create(fmt::format("race/{}/x", i), std::to_string(t));
        if (status.ok()) winners[static_cast<size_t>(i)] += 1 + 100 * t;
        if (!status.ok() && !status.is(Code::exists)) ++odd;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(odd, 0);
  for (int i = 0; i < kRounds; ++i) {
    int won = winners[static_cast<size_t>(i)];
    EXPECT_EQ(won % 100, 1) << "round " << i;
    EXPECT_EQ(store_->get(fmt::format("race/{}/x", i), kLimit).value(), std::to_string(won / 100));
  }
}

TEST_P(StoreConformance, OneOfManyThreadsCreatesAnEmptyObject) {
  constexpr int kThreads = 8, kRounds = 60;
  std::atomic<int> won{0}, lost{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, own = under_test_->open()] {
      for (int i = 0; i < kRounds; ++i) {
        Status status = own->create(fmt::format("mark/{}/x", i), "");
        won += status.ok();
        lost += status.is(Code::exists);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, kRounds);
  EXPECT_EQ(lost, kRounds * (kThreads - 1));
  EXPECT_EQ(store_->get("mark/0/x", kLimit).value(), "");
  EXPECT_EQ(keys("mark/").size(), static_cast<size_t>(kRounds));
}

TEST_P(StoreConformance, OneOfSeveralProcessesCreates) {
  if (!under_test_->shared_between_processes())
    return;  // a store inside one process has nothing to show here
  constexpr int kProcesses = 4, kRounds = 50;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      auto own = under_test_->open();
      for (int i = 0; i < kRounds; ++i)
        if (own->create(fmt::format("race/{}", i), std::to_string(p)).ok() &&
            !own->create(fmt::format("won/{}/{}", p, i), "").ok())
          _exit(1);
      _exit(0);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(all_keys("won/").size(), static_cast<size_t>(kRounds));
  for (int i = 0; i < kRounds; ++i) {
    auto winner = store_->get(fmt::format("race/{}", i), kLimit);
    ASSERT_TRUE(winner.ok());
    EXPECT_TRUE(store_->head(fmt::format("won/{}/{}", *winner, i)).ok());
  }
}

TEST_P(StoreConformance, ReadersNeverSeeAPartOfAPut) {
  ASSERT_TRUE(store_->put("beat", std::string(100'000, 'a')).ok());
  std::atomic<bool> done{false};
  std::thread writer([&, own = under_test_->open()] {
    for (int i = 1; i <= 200; ++i) {
      Status ignored = own->put(
          "beat", std::string(static_cast<size_t>(100'000 + i), static_cast<char>('a' + i % 26)));
      (void)ignored;
    }
    done = true;
  });
  while (!done) {
    auto seen = store_->get("beat", kLimit);
    ASSERT_TRUE(seen.ok());
    ASSERT_EQ(seen->find_first_not_of((*seen)[0]), std::string::npos);
    ASSERT_EQ((*seen)[0], static_cast<char>('a' + (seen->size() - 100'000) % 26));
  }
  writer.join();
}

TEST_P(StoreConformance, CreatorsAndRemoversOfOneDirectoryDoNotHurtEachOther) {
  constexpr int kRounds = 150;
  std::atomic<int> failures{0};
  auto work = [&](const std::string& name) {
    return [&failures, name, own = under_test_->open()] {
      for (int i = 0; i < kRounds; ++i) {
        if (!own->create("d/e/f/" + name, "x").ok()) ++failures;
        if (!own->get("d/e/f/" + name, 10).ok()) ++failures;
        if (!own->remove("d/e/f/" + name).ok()) ++failures;
      }
    };
  };
  std::thread a(work("a")), b(work("b")), c(work("c"));
  a.join();
  b.join();
  c.join();
  EXPECT_EQ(failures, 0);
  EXPECT_THAT(all_keys(""), IsEmpty());
}

class DirUnderTest : public StoreUnderTest {
 public:
  std::unique_ptr<ObjectStore> open() override {
    return open_dir_store(directory_.path() + "/store", {.durable = false}).value();
  }
  bool shared_between_processes() const override { return true; }

 private:
  TempDir directory_ = TempDir::create("baton-store").value();
};

// A handle on a store that others hold as well.
class SharedHandle : public ObjectStore {
 public:
  explicit SharedHandle(std::shared_ptr<ObjectStore> store) : store_(std::move(store)) {}
  Status create(const std::string& key, std::string_view bytes) override {
    return store_->create(key, bytes);
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return store_->put(key, bytes);
  }
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    return store_->get(key, limit);
  }
  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    return store_->get_range(key, offset, size);
  }
  Result<ObjectInfo> head(const std::string& key) override { return store_->head(key); }
  Status remove(const std::string& key) override { return store_->remove(key); }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    return store_->list(prefix, options);
  }
  void defer_sync(bool on) override { store_->defer_sync(on); }
  Status flush() override { return store_->flush(); }
  std::string name() const override { return store_->name(); }

 private:
  std::shared_ptr<ObjectStore> store_;
};

class MemUnderTest : public StoreUnderTest {
 public:
  std::unique_ptr<ObjectStore> open() override { return std::make_unique<SharedHandle>(store_); }
  bool shared_between_processes() const override { return false; }

 private:
  std::shared_ptr<ObjectStore> store_ = make_mem_store();
};

// Every third operation fails before it does anything; retries make up for that.
class RetriedUnderTest : public MemUnderTest {
 public:
  std::unique_ptr<ObjectStore> open() override {
    auto faulty = make_fault_store(
        MemUnderTest::open(), [](uint64_t number, const char* operation, const std::string&) {
          return number % 3 == 2 && std::string_view(operation) != "flush" ? Fault::error_before
                                                                           : Fault::none;
        });
    return make_retry_store(std::move(faulty), 50, [](int64_t) {});
  }
};

class QuietFaultsUnderTest : public DirUnderTest {
 public:
  std::unique_ptr<ObjectStore> open() override {
    return make_fault_store(DirUnderTest::open(),
                            [](uint64_t, const char*, const std::string&) { return Fault::none; });
  }
};

template <class T>
StoreMaker maker(const char* name) {
  return {name, [] { return std::make_unique<T>(); }};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance,
                         testing::Values(maker<DirUnderTest>("dir"), maker<MemUnderTest>("mem"),
                                         maker<RetriedUnderTest>("retry"),
                                         maker<QuietFaultsUnderTest>("fault")),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace baton
