// Capture and restore: what comes back is what was there, and little is written twice.
#include "ledger/capture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "ledger/tree_kit.h"
#include "store/fault_store.h"

namespace baton {
namespace {

namespace fs = std::filesystem;
using kit::Job;
using kit::random_bytes;
using kit::read_tree;
using kit::write_file;
using testing::HasSubstr;

constexpr size_t kMega = 1 << 20;

class CommitPath : public testing::Test {
 protected:
  Captured capture(Committer& committer) {
    auto captured = job.capture(committer);
    EXPECT_TRUE(captured.ok()) << captured.error().text();
    return captured.ok() ? *captured : Captured{};
  }
  Manifest reread(const Captured& captured) {
    auto manifest = read_manifest(*store, job.name(), job.committed(captured));
    EXPECT_TRUE(manifest.ok()) << manifest.error().text();
    return manifest.ok() ? *manifest : Manifest{};
  }
  void expect_restores(const Captured& captured, const Job& like) {
    Job other;
    auto committer = make_committer(*store, job.name(), 99);
    Status status = committer->restore(reread(captured), other.roots(), {});
    ASSERT_TRUE(status.ok()) << status.error().text();
    for (const char* root : {"checkpoint", "results"})
      EXPECT_EQ(read_tree(other.root(root)), read_tree(like.root(root)));
  }
  size_t objects(const std::string& prefix) {
    size_t count = 0;
    EXPECT_TRUE(
        for_each_object(*store, prefix, {}, [&](const ObjectInfo&) { return ++count; }).ok());
    return count;
  }
  size_t blobs() { return objects("jobs/" + job.name() + "/blobs/"); }

  std::unique_ptr<ObjectStore> store = make_mem_store();
  Job job;
  std::mt19937_64 random{42};
};

TEST_F(CommitPath, RandomTreesComeBackThroughAnyNumberOfChanges) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    random.seed(seed);
    Job own;
    store = make_mem_store();
    auto committer = make_committer(*store, own.name(), 1);
    kit::make_random_tree(own.root("checkpoint"), random, 30);
    for (int round = 0; round < 4; ++round) {
      auto captured = own.capture(*committer);
      ASSERT_TRUE(captured.ok()) << captured.error().text();
      expect_restores(*captured, own);
      if (random() % 2) {
        ASSERT_TRUE(committer->collect({captured->manifest}).ok());
        expect_restores(*captured, own);
      }
      kit::change_randomly(own.root(random() % 3 ? "checkpoint" : "results"), random, 6);
      // Half of the time as if every file were fresh, so that no stat is trusted.
      own.wall_ms = random() % 2 ? 0 : 4'000'000'000'000;
    }
  }
}

TEST_F(CommitPath, TheNextAttemptGoesOnFromWhatItRestored) {
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 20 * kMega));
  write_file(job.root("checkpoint") + "/log", "one\n");
  auto first = make_committer(*store, job.name(), 1);
  Captured before = capture(*first);
  Job next;
  auto second = make_committer(*store, job.name(), 2);
  ASSERT_TRUE(second->restore(reread(before), next.roots(), {}).ok());
  ASSERT_TRUE(second->set_kept({before.manifest}).ok());
  write_file(next.root("checkpoint") + "/log", "one\ntwo\n");
  next.seq = 1;
  auto after = next.capture(*second);
  ASSERT_TRUE(after.ok()) << after.error().text();
  EXPECT_EQ(after->new_bytes, 8u);
  EXPECT_EQ(after->manifest.seed, before.manifest.seed);
  expect_restores(*after, next);
}

TEST_F(CommitPath, OnlyTheChangedChunkIsWrittenAgain) {
  std::string path = job.root("checkpoint") + "/model";
  write_file(path, random_bytes(random, 10 * kChunk + 5));
  auto committer = make_committer(*store, job.name(), 1);
  EXPECT_EQ(capture(*committer).new_bytes, 10 * kChunk + 5);
  EXPECT_EQ(blobs(), 11u);
  EXPECT_EQ(capture(*committer).new_bytes, 0u);
  Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(pwrite(fd.get(), "!", 1, 3 * kChunk + 17), 1);
  Captured third = capture(*committer);
  EXPECT_EQ(third.new_bytes, kChunk);
  EXPECT_EQ(third.bytes, 10 * kChunk + 5);
  EXPECT_EQ(blobs(), 12u);
}

TEST_F(CommitPath, EqualChunksAreStoredOnce) {
  std::string chunk = random_bytes(random, kChunk);
  write_file(job.root("checkpoint") + "/a", chunk + chunk);
  write_file(job.root("results") + "/b", chunk);
  auto committer = make_committer(*store, job.name(), 1);
  EXPECT_EQ(capture(*committer).bytes, 3 * kChunk);
  EXPECT_EQ(blobs(), 1u);
}

TEST_F(CommitPath, ManySmallFilesShareFewBlobs) {
  for (int i = 0; i < 1000; ++i)
    write_file(job.root("checkpoint") + "/" + std::to_string(i), random_bytes(random, 100));
  auto committer = make_committer(*store, job.name(), 1);
  Captured first = capture(*committer);
  EXPECT_EQ(blobs(), 1u);
  write_file(job.root("checkpoint") + "/7", "changed");
  Captured second = capture(*committer);
  EXPECT_EQ(second.new_bytes, 7u);
  EXPECT_EQ(blobs(), 2u);
  expect_restores(second, job);
}

TEST_F(CommitPath, ASharedBlobThatIsMostlyUnusedIsGivenUp) {
  for (int i = 0; i < 10; ++i)
    write_file(job.root("checkpoint") + "/" + std::to_string(i), random_bytes(random, 1000));
  auto committer = make_committer(*store, job.name(), 1);
  Captured last = capture(*committer);
  for (int i = 0; i < 9; ++i)
    write_file(job.root("checkpoint") + "/" + std::to_string(i), random_bytes(random, 1000));
  last = capture(*committer);
  EXPECT_EQ(last.manifest.blobs.size(), 2u);
  write_file(job.root("results") + "/r", "x");
  last = capture(*committer);
  EXPECT_EQ(last.new_bytes, 1001u);
  ASSERT_TRUE(committer->collect({last.manifest}).ok());
  EXPECT_EQ(blobs(), last.manifest.blobs.size());
  expect_restores(last, job);
}

TEST_F(CommitPath, CompressesWhereItPaysOnly) {
  std::string text;
  while (text.size() < 2 * kMega) text += "epoch " + std::to_string(text.size()) + " loss 0.25\n";
  write_file(job.root("results") + "/log.csv", text);
  write_file(job.root("checkpoint") + "/model", random_bytes(random, 2 * kMega));
  auto committer = make_committer(*store, job.name(), 1);
  Captured captured = capture(*committer);
  ASSERT_EQ(captured.manifest.blobs.size(), 2u);
  EXPECT_FALSE(captured.manifest.blobs[0].zstd);
  EXPECT_TRUE(captured.manifest.blobs[1].zstd);
  EXPECT_LT(captured.manifest.blobs[1].stored, text.size() / 4);
  expect_restores(captured, job);
}

TEST_F(CommitPath, HolesStayHoles) {
  std::string path = job.root("checkpoint") + "/sparse";
  write_file(path, "begin");
  ASSERT_EQ(truncate(path.c_str(), 3ll << 30), 0);
  write_file(job.root("checkpoint") + "/zeros", std::string(2 * kChunk, '\0'));
  auto committer = make_committer(*store, job.name(), 1);
  Captured captured = capture(*committer);
  EXPECT_EQ(captured.new_bytes, kChunk);
  Job other;
  ASSERT_TRUE(
      make_committer(*store, job.name(), 2)->restore(captured.manifest, other.roots(), {}).ok());
  struct stat info {};
  ASSERT_EQ(stat((other.root("checkpoint") + "/sparse").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 3ll << 30);
  EXPECT_LT(info.st_blocks * 512, 16ll << 20);
}

TEST_F(CommitPath, SpecialFilesAreSkippedAndLinksNeverFollowed) {
  std::string root = job.root("checkpoint");
  ASSERT_EQ(mkfifo((root + "/fifo").c_str(), 0600), 0);
  Fd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string socket_path = root + "/sock";
  ASSERT_LT(socket_path.size(), sizeof address.sun_path);
  socket_path.copy(address.sun_path, socket_path.size());
  ASSERT_EQ(bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  fs::create_symlink("/etc", root + "/etc");
  auto committer = make_committer(*store, job.name(), 1);
  Captured captured = capture(*committer);
  ASSERT_EQ(captured.manifest.trees[0].entries.size(), 1u);
  EXPECT_EQ(captured.manifest.trees[0].entries[0].kind, TreeEntry::Kind::symlink);
  EXPECT_EQ(captured.manifest.trees[0].entries[0].target, "/etc");
}

TEST_F(CommitPath, AnAbsentRootIsEmpty) {
  fs::remove(job.root("results"));
  auto committer = make_committer(*store, job.name(), 1);
  EXPECT_TRUE(capture(*committer).manifest.trees[1].entries.empty());
}

TEST_F(CommitPath, ARootThatIsASymlinkIsRefused) {
  fs::remove(job.root("results"));
  fs::create_symlink("/etc", job.root("results"));
  auto committer = make_committer(*store, job.name(), 1);
  EXPECT_FALSE(job.capture(*committer).ok());
}

TEST_F(CommitPath, AFileMappedForWritingIsReadEvenIfItsStatIsOld) {
  std::string path = job.root("checkpoint") + "/memmap";
  write_file(path, random_bytes(random, 8192));
  Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  auto* memory =
      static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
  ASSERT_NE(memory, MAP_FAILED);
  fd.reset();
  memory[0] = 1;  // the page is dirty now: further stores leave no trace in the stat
  auto committer = make_committer(*store, job.name(), 1);
  capture(*committer);
  capture(*committer);
  memory[1] = static_cast<char>(memory[1] + 1);
  Captured captured = capture(*committer);
  expect_restores(captured, job);
  munmap(memory, 8192);
}

TEST_F(CommitPath, ASequenceNumberIsNeverUsedTwice) {
  write_file(job.root("checkpoint") + "/a", "a");
  auto committer = make_committer(*store, job.name(), 1);
  Captured first = capture(*committer);
  write_file(job.root("checkpoint") + "/a", "b");
  job.seq = 0;
  Captured second = capture(*committer);
  EXPECT_EQ(second.manifest.seq, 2u);
  EXPECT_EQ(reread(first).seq, 1u);
  expect_restores(second, job);
  job.seq = 1;
  EXPECT_TRUE(job.capture(*make_committer(*store, job.name(), 1)).is(Code::exists))
      << "written by somebody else";
}

TEST_F(CommitPath, ACaptureFollowsOneWhoseManifestCameWithoutAReply) {
  bool lose = true;
  store = make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string& key) {
    bool hit = key.find("/commits/") != std::string::npos && std::exchange(lose, false);
    return hit ? Fault::lost_reply : Fault::none;
  });
  write_file(job.root("checkpoint") + "/a", random_bytes(random, kChunk));
  auto committer = make_committer(*store, job.name(), 1);
  EXPECT_TRUE(job.capture(*committer).is(Code::transient));
  job.wall_ms += 1;
  job.seq = 0;
  Captured captured = capture(*committer);
  EXPECT_EQ(captured.manifest.seq, 2u);
  EXPECT_EQ(objects("jobs/" + job.name() + "/blobs/"), 1u);
  expect_restores(captured, job);
}

TEST_F(CommitPath, CancellingEndsACapture) {
  write_file(job.root("checkpoint") + "/a", random_bytes(random, 3 * kChunk));
  auto committer = make_committer(*store, job.name(), 1);
  CaptureOptions options;
  int asked = 0;
  options.cancelled = [&] { return ++asked > 2; };
  EXPECT_TRUE(committer->capture(job.roots(), 1, 0, job.wall_ms, options).is(Code::cancelled));
  EXPECT_EQ(objects("jobs/" + job.name() + "/commits/"), 0u);
}

TEST_F(CommitPath, ProgressEndsNearTheTotal) {
  write_file(job.root("checkpoint") + "/a", random_bytes(random, 5 * kChunk));
  CaptureOptions options;
  uint64_t total = 0, last = 0;
  options.threads = 1;
  options.progress = [&](uint64_t done, uint64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  };
  ASSERT_TRUE(make_committer(*store, job.name(), 1)->capture(job.roots(), 1, 0, 0, options).ok());
  EXPECT_EQ(total, 5 * kChunk);
  EXPECT_EQ(last, total);
}

}  // namespace
}  // namespace baton
