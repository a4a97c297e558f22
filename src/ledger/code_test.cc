// Code snapshots: what is taken, what is refused, and that they come back; collectors beside
// submitters.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "base/ids.h"
#include "ledger/code_object.h"
#include "ledger/commits.h"
#include "ledger/tree_kit.h"
#include "model/job.h"
#include "os/files.h"
#include "store/bucket_store.h"
#include "store/fake_bucket.h"

namespace baton {
namespace {

namespace fs = std::filesystem;
using kit::random_bytes;
using kit::read_tree;
using kit::write_file;
using testing::ElementsAre;
using testing::HasSubstr;

class CodeSnapshots : public testing::Test {
 protected:
  CodeSnapshot snapshot(const CodeOptions& options = {}) {
    auto result = snapshot_code(code, options);
    EXPECT_TRUE(result.ok()) << result.error().text();
    return result.ok() ? *result : CodeSnapshot{};
  }
  std::string stored(const CodeSnapshot& taken) {
    auto key = store_code(*store, taken);
    EXPECT_TRUE(key.ok()) << key.error().text();
    return key.ok() ? *key : "";
  }
  std::vector<std::string> restored(const CodeSnapshot& taken) {
    std::string to = dir.path() + "/back";
    fs::remove_all(to);
    Status status = restore_code(*store, stored(taken), taken.tree_hash, to);
    EXPECT_TRUE(status.ok()) << status.error().text();
    std::vector<std::string> names;
    for (const auto& [name, node] : read_tree(to)) names.push_back(name);
    return names;
  }
  // A job that was submitted so far.
  Job job_of(const CodeSnapshot& taken) {
    Job job;
    job.id = new_job_id(1'700'000'000'000 + 1000 * ++jobs_);
    job.nonce = new_nonce();
    job.code_tree = taken.tree_hash;
    job.argv = {"true"};
    job.spec.command = "true";
    EXPECT_TRUE(store->create("jobs/" + job.id + "/job.json", encode_job(job)).ok());
    return job;
  }
  void created(const Job& job, const std::string& object) {
    Event event;
    event.number = 1;
    event.nonce = new_nonce();
    event.code_object = object;
    event.name = "job";
    EXPECT_TRUE(
        store->create("jobs/" + job.id + "/events/00000001.json", encode_event(event)).ok());
  }
  bool stands(const std::string& key) { return store->head(key).ok(); }
  uint64_t collect() {
    auto collected = collect_code(*store);
    EXPECT_TRUE(collected.ok()) << collected.error().text();
    return collected.ok() ? collected->objects : 0;
  }
  size_t markers() {
    size_t count = 0;
    EXPECT_TRUE(for_each_object(*store, "code/condemned/", {}, [&](const ObjectInfo&) {
                  return ++count;
                }).ok());
    return count;
  }

  TempDir dir = TempDir::create("baton-code-test").value();
  std::string code = [this] {
    fs::create_directory(dir.path() + "/code");
    return dir.path() + "/code";
  }();
  std::unique_ptr<ObjectStore> store = make_mem_store();
  int jobs_ = 0;
};

TEST_F(CodeSnapshots, ComeBackAsTheyWere) {
  std::mt19937_64 random(1);
  fs::create_directories(code + "/pkg/sub");
  write_file(code + "/train.py", "print('hello')\n");
  write_file(code + "/big", random_bytes(random, 9 << 20));
  write_file(code + "/same", "print('hello')\n");
  write_file(code + "/pkg/empty", "");
  write_file(code + "/pkg/\xff", "odd name");
  write_file(code + "/run.sh", "#!/bin/sh\n");
  chmod((code + "/run.sh").c_str(), 0755);
  chmod((code + "/pkg/sub").c_str(), 0555);
  fs::create_symlink("../train.py", code + "/pkg/link");
  CodeSnapshot taken = snapshot();
  EXPECT_EQ(taken.files, 6u);
  restored(taken);
  auto was = read_tree(code), is = read_tree(dir.path() + "/back");
  for (auto* nodes : {&was, &is})
    for (auto& [name, node] : *nodes) node.mtime_ns = 0;  // not kept
  EXPECT_EQ(was, is);
}

TEST_F(CodeSnapshots, TheHashDependsOnNamesModesAndContentsAlone) {
  write_file(code + "/a", "a");
  std::string first = snapshot().tree_hash;
  timespec old[2] = {{1, 0}, {1, 0}};
  utimensat(AT_FDCWD, (code + "/a").c_str(), old, 0);
  EXPECT_EQ(snapshot().tree_hash, first);
  chmod((code + "/a").c_str(), 0755);
  EXPECT_NE(snapshot().tree_hash, first);
}

TEST_F(CodeSnapshots, OfNothingNeedNoObject) {
  CodeSnapshot taken = snapshot();
  EXPECT_EQ(taken.tree_hash, "");
  EXPECT_EQ(stored(taken), "");
}

TEST_F(CodeSnapshots, LeaveOutWhatIsIgnoredAndGitItself) {
  fs::create_directories(code + "/.git/objects");
  fs::create_directories(code + "/data");
  fs::create_directories(code + "/results/old");
  write_file(code + "/.git/config", "");
  write_file(code + "/data/x.bin", "x");
  write_file(code + "/a.pyc", "");
  write_file(code + "/keep.py", "");
  write_file(code + "/results/old/r", "");
  write_file(code + "/.gitignore", "*.pyc\n");
  write_file(code + "/.batonignore", "/data/\n");
  CodeOptions options;
  options.exclude = {code + "/results"};
  EXPECT_THAT(restored(snapshot(options)), ElementsAre(".batonignore", ".gitignore", "keep.py"));
}

TEST_F(CodeSnapshots, ThatAreTooLargeAreRefusedNamingTheLargestDirectories) {
  fs::create_directory(code + "/data");
  write_file(code + "/data/huge", "");
  ASSERT_EQ(truncate((code + "/data/huge").c_str(), 50ll << 30),
            0);  // sparse: read at all, it would take minutes
  write_file(code + "/small.py", "x");
  auto result = snapshot_code(code, {});
  ASSERT_TRUE(result.is(Code::invalid));
  EXPECT_THAT(result.error().message, HasSubstr("50 GiB"));
  EXPECT_THAT(result.error().message, HasSubstr("data/ (50 GiB)"));
  EXPECT_THAT(result.error().hint, HasSubstr(".batonignore"));
}

TEST_F(CodeSnapshots, WithASymlinkOutsideAreRefusedByName) {
  fs::create_directory(code + "/sub");
  for (const char* target : {"/etc/passwd", "../../x", "..//../x", "a/../../../x"}) {
    fs::remove(code + "/sub/link");
    fs::create_symlink(target, code + "/sub/link");
    auto result = snapshot_code(code, {});
    ASSERT_TRUE(result.is(Code::invalid)) << target;
    EXPECT_THAT(result.error().message, HasSubstr("sub/link"));
  }
  fs::remove(code + "/sub/link");
  fs::create_symlink("../sub/./gone", code + "/sub/link");
  EXPECT_TRUE(snapshot_code(code, {}).ok());
}

TEST_F(CodeSnapshots, NameAFileThatCannotBeRead) {
  if (geteuid() != 0) {
    write_file(code + "/secret", "x");
    chmod((code + "/secret").c_str(), 0);
    auto result = snapshot_code(code, {});
    ASSERT_TRUE(result.is(Code::denied));
    EXPECT_THAT(result.error().message, HasSubstr("secret"));
    return;
  }
  // Root may read everything, so a child without privileges asks.
  write_file(code + "/secret", "x");
  chmod((code + "/secret").c_str(), 0);
  for (const std::string& path : {dir.path(), code})
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
  pid_t child = fork();
  if (child == 0) {
    bool good = setgid(65534) == 0 && setuid(65534) == 0;
    auto result = snapshot_code(code, {});
    _exit(good && result.is(Code::denied) &&
                  result.error().message.find("secret") != std::string::npos
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(CodeSnapshots, AMissingDirectoryIsOneClearError) {
  auto result = snapshot_code(dir.path() + "/no", {});
  ASSERT_TRUE(result.is(Code::not_found));
  EXPECT_THAT(result.error().message, HasSubstr("does not exist"));
}

TEST_F(CodeSnapshots, AreSharedByJobsWithTheSameCode) {
  write_file(code + "/a", "a");
  std::string first = stored(snapshot());
  EXPECT_EQ(first, code_key(snapshot().tree_hash));
  EXPECT_EQ(stored(snapshot()), first);
}

TEST_F(CodeSnapshots, CondemnedOrDamagedOnesAreNotTaken) {
  write_file(code + "/a", "a");
  CodeSnapshot taken = snapshot();
  std::string first = stored(taken);
  ASSERT_TRUE(
      store->create("code/condemned/" + taken.tree_hash + "/" + taken.tree_hash + "~n", "").ok());
  std::string second = stored(taken);
  EXPECT_NE(second, first);
  EXPECT_EQ(stored(taken), second);
  ASSERT_TRUE(store->put(second, "nonsense").ok());
  std::string third = stored(taken);
  EXPECT_NE(third, second);
  EXPECT_TRUE(restore_code(*store, third, taken.tree_hash, dir.path() + "/back").ok());
}

// A range that was damaged on its way is read again, whichever it is.
TEST_F(CodeSnapshots, DamageOnTheWayIsReadAgain) {
  std::mt19937_64 random(7);
  write_file(code + "/a", random_bytes(random, 5 << 20));
  write_file(code + "/b", random_bytes(random, 3000));
  ManualClock clock;
  auto bucket = std::make_unique<FakeBucket>();
  FakeBucket& fake = *bucket;
  store = make_bucket_store(std::move(bucket), clock, {});
  CodeSnapshot taken = snapshot();
  std::string key = stored(taken);
  const size_t before = fake.asked("get");
  ASSERT_TRUE(restore_code(*store, key, taken.tree_hash, dir.path() + "/back").ok());
  const size_t whole = fake.asked("get") - before;
  ASSERT_GE(whole, 8u);  // its first line, its manifest, and six ranges
  size_t number = 0, damaged = 0, last = 0;
  fake.bend = [&](const std::string&, std::string& bytes) {
    if (++number < damaged || number > last) return;
    bytes[bytes.size() / 2] ^= 1;
  };
  for (damaged = 1; damaged <= whole; ++damaged) {
    number = 0;
    last = damaged;
    fs::remove_all(dir.path() + "/back");
    Status status = restore_code(*store, key, taken.tree_hash, dir.path() + "/back");
    EXPECT_TRUE(status.ok()) << damaged << ": " << status.error().text();
    for (const char* name : {"/a", "/b"})
      EXPECT_TRUE(*read_file(dir.path() + "/back" + name) == *read_file(code + name)) << name;
  }
  number = 0;
  damaged = 1;
  last = 1000;
  fs::remove_all(dir.path() + "/back");
  EXPECT_TRUE(restore_code(*store, key, taken.tree_hash, dir.path() + "/back").is(Code::corrupt));
}

TEST_F(CodeSnapshots, DamageIsFoundAndLeavesTheDirectoryEmpty) {
  std::mt19937_64 random(5);
  write_file(code + "/a", random_bytes(random, 3000));
  write_file(code + "/b", std::string(3000, 'b'));
  CodeSnapshot taken = snapshot();
  std::string key = stored(taken), good = *store->get(key, 1 << 20);
  for (int i = 0; i < 400; ++i) {
    std::string bad = good;
    if (i % 2)
      bad.resize(random() % bad.size());
    else
      bad[random() % bad.size()] ^= static_cast<char>(1 + random() % 255);
    ASSERT_TRUE(store->put(key, bad).ok());
    Status status = restore_code(*store, key, taken.tree_hash, dir.path() + "/back");
    // A few bits of a zstd frame's header mean nothing.
    EXPECT_TRUE(status.ok() || status.is(Code::corrupt) || status.is(Code::too_new))
        << status.error().text();
    EXPECT_EQ(read_tree(dir.path() + "/back").size(), status.ok() ? 2u : 0u);
    fs::remove_all(dir.path() + "/back");
  }
}

TEST_F(CodeSnapshots, AreCollectedWhenNoJobRefersToThem) {
  write_file(code + "/a", "a");
  CodeSnapshot taken = snapshot();
  Job job = job_of(taken);
  std::string key = stored(taken);
  EXPECT_EQ(collect(), 0u);  // submitted, not created yet: any object of the tree counts
  created(job, key);
  EXPECT_EQ(collect(), 0u);
  ASSERT_TRUE(store->remove("jobs/" + job.id + "/job.json").ok());
  EXPECT_EQ(collect(), 1u);
  EXPECT_FALSE(stands(key));
  EXPECT_EQ(markers(), 0u);
}

TEST_F(CodeSnapshots, AreKeptWhenAJobCannotBeRead) {
  write_file(code + "/a", "a");
  std::string key = stored(snapshot());
  ASSERT_TRUE(store->create("jobs/" + new_job_id(0) + "/job.json", "{").ok());
  EXPECT_TRUE(collect_code(*store).is(Code::corrupt));
  EXPECT_TRUE(stands(key));
  EXPECT_EQ(markers(), 0u);
}

// Threads submit and forget jobs with few different trees while others collect.
TEST_F(CodeSnapshots, NoneThatAJobNamesIsEverCollected) {
  std::vector<CodeSnapshot> trees;
  for (int i = 0; i < 3; ++i) {
    write_file(code + "/a", std::to_string(i));
    trees.push_back(snapshot());
  }
  std::atomic<int> submitters = 3;
  std::mutex names;
  auto submit = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 150; ++i) {
      const CodeSnapshot& tree = trees[random() % trees.size()];
      Job job = [&] {
        std::lock_guard lock(names);
        return job_of(tree);
      }();
      std::string key = stored(tree);
      if (random() % 4 == 0) std::this_thread::yield();
      created(job, key);
      EXPECT_TRUE(stands(key)) << "seed " << seed << " round " << i;
      if (random() % 4) {
        EXPECT_TRUE(store->remove("jobs/" + job.id + "/job.json").ok());
      }
    }
    --submitters;
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 3; ++seed) threads.emplace_back(submit, seed);
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (submitters > 0) collect();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(markers(), 0u);
  // Whatever is still named stands.
  EXPECT_TRUE(for_each_object(*store, "jobs/", {}, [&](const ObjectInfo& object) {
                if (base_name(object.key) != "job.json") return true;
                std::string event = parent_path(object.key) + "/events/00000001.json";
                EXPECT_TRUE(stands(decode_event(*store->get(event, 1 << 20), event)->code_object));
                return true;
              }).ok());
}

}  // namespace
}  // namespace baton
