// What goes wrong while capturing and restoring: writers, full disks, lost replies, damage, hostile
// programs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "ledger/blob_codec.h"
#include "ledger/capture.h"
#include "ledger/ledger_test_support.h"
#include "ledger/tree_kit.h"

namespace baton {
namespace {

namespace fs = std::filesystem;
using kit::random_bytes;
using kit::read_tree;
using kit::write_file;
using testing::HasSubstr;

class CommitTrouble : public testing::Test {
 protected:
  std::vector<std::string> keys(const std::string& folder) {
    return keys_of(*store, "jobs/" + job.name() + "/" + folder);
  }
  std::unique_ptr<ObjectStore> store = make_mem_store();
  kit::Job job;
  std::mt19937_64 random{11};
};

// Does something once, when the first blob is written: in the middle of a capture.
FaultPlan at_first_blob(std::function<void()> act) {
  auto done = std::make_shared<bool>(false);
  return [act = std::move(act), done](uint64_t, const char*, const std::string& key) {
    if (!*done && key.find("/blobs/") != std::string::npos) {
      *done = true;
      act();
    }
    return Fault::none;
  };
}

TEST_F(CommitTrouble, AnyChangeDuringACaptureGivesItUp) {
  std::string root = job.root("checkpoint");
  const std::vector<std::pair<const char*, std::function<void()>>> changes = {
      {"written", [&] { write_file(root + "/small", "other"); }},
      {"grown", [&] { ASSERT_EQ(truncate((root + "/big").c_str(), 9 << 20), 0); }},
      {"added", [&] { write_file(root + "/dir/new", ""); }},
      {"removed", [&] { fs::remove(root + "/small"); }},
      {"renamed", [&] { fs::rename(root + "/small", root + "/other"); }},
      {"made a link",
       [&] { fs::remove(root + "/small"), fs::create_symlink("/etc/passwd", root + "/small"); }},
      {"mode", [&] { chmod((root + "/small").c_str(), 0600); }},
      {"replaced",
       [&] { write_file(root + "/x", "small"), fs::rename(root + "/x", root + "/small"); }},
      {"root gone", [&] { fs::remove_all(root); }},
  };
  for (const auto& [name, change] : changes) {
    fs::remove_all(root);
    fs::create_directories(root + "/dir");
    write_file(root + "/big", random_bytes(random, 8 << 20));
    write_file(root + "/small", "small");
    auto faulty_store = faulty(*store, at_first_blob(change));
    auto committer = make_committer(*faulty_store, job.name(), 1);
    size_t manifests = keys("commits/").size();
    auto torn = job.capture(*committer);
    ASSERT_TRUE(torn.is(Code::transient)) << name << (torn.ok() ? "" : torn.error().text());
    EXPECT_THAT(torn.error().message, HasSubstr("changed while being captured")) << name;
    EXPECT_EQ(keys("commits/").size(), manifests) << name;
    EXPECT_TRUE(job.capture(*committer).ok()) << name;
  }
}

// The writer keeps two files equal in a way that a torn capture would show.
TEST_F(CommitTrouble, NoCaptureBesideAWriterIsEverTorn) {
  std::string a = job.root("checkpoint") + "/a", b = job.root("results") + "/b";
  auto write_both = [&](char c) {
    write_file(a, std::string(2'000'000, c));
    write_file(b, std::string(100'000, c));
  };
  write_both('0');
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (unsigned i = 0; !stop; ++i) {
      write_both(static_cast<char>('0' + i % 75));
      // Quiet now and then, so that some captures get through.
      if (i % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  auto committer = make_committer(*store, job.name(), 1);
  int good = 0;
  while (good < 5) {
    auto captured = job.capture(*committer);
    if (!captured.ok()) {
      EXPECT_TRUE(captured.is(Code::transient)) << captured.error().text();
      continue;
    }
    ++good;
    kit::Job back;
    ASSERT_TRUE(
        make_committer(*store, job.name(), 2)->restore(captured->manifest, back.roots(), {}).ok());
    for (const char* path : {"checkpoint", "results"})
      for (const auto& [name, node] : read_tree(back.root(path)))
        EXPECT_EQ(node.content.find_first_not_of(node.content[0]), std::string::npos)
            << "torn " << name;
  }
  stop = true;
  writer.join();
}

// A program swaps a directory for a symlink to somewhere else, over and over.
TEST_F(CommitTrouble, ASwappedDirectoryIsNeverAWayOut) {
  std::string root = job.root("checkpoint");
  TempDir outside = TempDir::create("baton-outside").value();
  write_file(outside.path() + "/secret", "SECRET");
  fs::create_directory(root + "/dir");
  write_file(root + "/dir/secret", "harmless");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop) {
      fs::rename(root + "/dir", root + "/aside");
      fs::create_symlink(outside.path(), root + "/dir");
      fs::remove(root + "/dir");
      fs::rename(root + "/aside", root + "/dir");
    }
  });
  auto committer = make_committer(*store, job.name(), 1);
  for (int i = 0; i < 300; ++i) {
    auto captured = job.capture(*committer);
    EXPECT_TRUE(captured.ok() || captured.is(Code::transient)) << captured.error().text();
  }
  stop = true;
  swapper.join();
  for (const std::string& key : keys("blobs/"))
    EXPECT_EQ(store->get(key, 1 << 20)->find("SECRET"), std::string::npos);
}

TEST_F(CommitTrouble, AFullStoreKeepsEarlierCommitsAndFreesWhatItWrote) {
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 3 * kChunk));
  uint64_t allowed = UINT64_MAX, written = 0;
  auto full = faulty(*store, [&](uint64_t, const char* operation, const std::string& key) {
    bool blob = std::string(operation) == "create" && key.find("/blobs/") != std::string::npos;
    return blob && ++written > allowed ? Fault::no_space : Fault::none;
  });
  auto committer = make_committer(*full, job.name(), 1);
  auto first = job.capture(*committer);
  ASSERT_TRUE(first.ok());
  auto before = keys("");
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 3 * kChunk));
  allowed = written + 2;
  auto second = job.capture(*committer);
  ASSERT_TRUE(second.is(Code::no_space));
  EXPECT_EQ(keys(""), before);
  allowed = UINT64_MAX;
  auto third = job.capture(*committer);
  ASSERT_TRUE(third.ok()) << third.error().text();
  kit::Job back;
  ASSERT_TRUE(
      make_committer(*store, job.name(), 2)->restore(third->manifest, back.roots(), {}).ok());
  EXPECT_EQ(read_tree(back.root("checkpoint")), read_tree(job.root("checkpoint")));
}

// A directory store on a disk of 16 MiB.
TEST_F(CommitTrouble, AFullDiskKeepsEarlierCommitsAndFreesWhatItWrote) {
  TempDir disk = TempDir::create("baton-full-disk").value();
  if (mount("none", disk.path().c_str(), "tmpfs", 0, "size=16m") != 0)
    GTEST_SKIP() << "mounting a small disk needs root: " << std::strerror(errno);
  struct Unmount {
    std::string path;
    ~Unmount() { umount2(path.c_str(), MNT_DETACH); }
  } unmount{disk.path()};
  auto small = open_dir_store(disk.path() + "/store", {}).value();
  auto committer = make_committer(*small, job.name(), 1);
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 5 << 20));
  auto first = job.capture(*committer);
  ASSERT_TRUE(first.ok()) << first.error().text();
  auto before = keys_of(*small, "");
  auto was = read_tree(job.root("checkpoint"));
  write_file(job.root("results") + "/huge", random_bytes(random, 40 << 20));
  EXPECT_TRUE(job.capture(*committer).is(Code::no_space));
  EXPECT_EQ(keys_of(*small, ""), before);
  kit::Job back;
  ASSERT_TRUE(
      make_committer(*small, job.name(), 2)->restore(first->manifest, back.roots(), {}).ok());
  EXPECT_EQ(read_tree(back.root("checkpoint")), was);
  fs::remove(job.root("results") + "/huge");
  EXPECT_TRUE(job.capture(*committer).ok());
}

// Every writing operation may fail or lose its reply; whatever capture() calls a commit can be
// restored.
TEST_F(CommitTrouble, LostRepliesAndErrorsNeverGiveABadCommit) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    store = make_mem_store();
    kit::Job own;
    std::mt19937_64 dice(seed), content(seed);
    bool calm = false;
    std::mutex mutex;
    auto bad = faulty(*store, [&](uint64_t, const char* operation, const std::string&) {
      std::lock_guard lock(mutex);
      std::string name = operation;
      if (calm || (name != "create" && name != "remove" && name != "flush")) return Fault::none;
      switch (dice() % 10) {
        case 0:
          return Fault::lost_reply;
        case 1:
          return Fault::error_before;
        default:
          return Fault::none;
      }
    });
    auto committer = make_committer(*bad, own.name(), 1);
    std::vector<Manifest> kept;
    kit::make_random_tree(own.root("checkpoint"), content, 8);
    for (int i = 0; i < 15; ++i) {
      kit::change_randomly(own.root("checkpoint"), content, 3);
      auto captured = own.capture(*committer);
      if (!captured.ok()) continue;
      kept.push_back(captured->manifest);
      if (kept.size() > 2) kept.erase(kept.begin());
      (void)committer->collect(kept);
      calm = true;
      for (const Manifest& manifest : kept) {
        kit::Job back;
        Status status = make_committer(*store, own.name(), 2)->restore(manifest, back.roots(), {});
        EXPECT_TRUE(status.ok()) << status.error().text();
      }
      calm = false;
    }
    EXPECT_FALSE(kept.empty());
  }
}

TEST_F(CommitTrouble, DamagedOrMissingBlobsAreFoundAndNothingIsLeft) {
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 2 * kChunk));
  write_file(job.root("checkpoint") + "/text", std::string(50'000, 't'));
  auto captured = job.capture(*make_committer(*store, job.name(), 1));
  ASSERT_TRUE(captured.ok());
  for (const std::string& key : keys("blobs/")) {
    std::string good = *store->get(key, kMaxBlob), flipped = good;
    flipped[flipped.size() / 2] ^= 1;
    for (const std::string& bad :
         {flipped, good.substr(1), good + "x", std::string(), std::string("missing")}) {
      ASSERT_TRUE((bad == "missing" ? store->remove(key) : store->put(key, bad)).ok());
      kit::Job back;
      Status status =
          make_committer(*store, job.name(), 2)->restore(captured->manifest, back.roots(), {});
      ASSERT_TRUE(status.is(Code::corrupt)) << key;
      EXPECT_THAT(status.error().message, HasSubstr(key.substr(key.rfind('/') + 1)));
      EXPECT_TRUE(read_tree(back.root("checkpoint")).empty());
    }
    ASSERT_TRUE(store->put(key, good).ok());
  }
}

TEST_F(CommitTrouble, RestoringNeverOverwrites) {
  write_file(job.root("checkpoint") + "/a", "a");
  auto captured = job.capture(*make_committer(*store, job.name(), 1));
  kit::Job back;
  write_file(back.root("results") + "/mine", "mine");
  Status status =
      make_committer(*store, job.name(), 2)->restore(captured->manifest, back.roots(), {});
  ASSERT_TRUE(status.is(Code::exists));
  EXPECT_THAT(status.error().message, HasSubstr("not empty"));
  EXPECT_TRUE(read_tree(back.root("checkpoint")).empty());
  EXPECT_EQ(read_tree(back.root("results")).size(), 1u);
}

// Manifests that no decoder has seen: the writer itself must not leave its root.
TEST_F(CommitTrouble, EvenAnUncheckedManifestStaysInside) {
  TempDir outside = TempDir::create("baton-outside").value();
  auto with = [&](std::vector<TreeEntry> entries) {
    Manifest manifest;
    manifest.job = job.name();
    manifest.seq = manifest.attempt = 1;
    manifest.trees = {{"checkpoint", std::move(entries)}};
    return manifest;
  };
  TreeEntry link{TreeEntry::Kind::symlink, "link", 0777, 0, 0, outside.path(), {}};
  TreeEntry through{TreeEntry::Kind::file, "link/x", 0644, 0, 0, "", {}};
  TreeEntry up{TreeEntry::Kind::file, "../x", 0644, 0, 0, "", {}};
  TreeEntry absolute{TreeEntry::Kind::file, outside.path() + "/x", 0644, 0, 0, "", {}};
  TreeEntry twice{TreeEntry::Kind::file, "link", 0644, 0, 0, "", {}};
  for (const auto& entries :
       std::vector<std::vector<TreeEntry>>{{link, through}, {up}, {absolute}, {link, twice}}) {
    kit::Job back;
    EXPECT_FALSE(
        make_committer(*store, job.name(), 2)->restore(with(entries), back.roots(), {}).ok());
    EXPECT_TRUE(read_tree(outside.path()).empty());
    EXPECT_TRUE(read_tree(back.root("checkpoint")).empty());
  }
}

}  // namespace
}  // namespace baton
