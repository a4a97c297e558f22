// What only a directory can do wrong; the rest is conformance_test.cc.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <functional>

#include "os/files.h"
#include "store/store.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kCannot = 77;  // a child's exit status: this machine does not let it try

class DirStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ObjectStore> open(bool durable = false) {
    auto store = open_dir_store(path_, {.durable = durable});
    EXPECT_TRUE(store.ok());
    return std::move(store).value();
  }
  static std::vector<std::string> keys(ObjectStore& store, bool directories = false) {
    std::vector<std::string> keys;
    EXPECT_TRUE(
        for_each_object(store, "", {.directories = directories}, [&](const ObjectInfo& object) {
          keys.push_back(object.key);
          return true;
        }).ok());
    return keys;
  }
  // Runs `act` in a child process of its own, for what cannot be undone; its exit status.
  static int in_child(const std::function<int()>& act) {
    pid_t child = fork();
    if (child == 0) _exit(act());
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  TempDir directory_ = TempDir::create("baton-dir-store").value();
  std::string path_ = directory_.path() + "/new/store";
};

// From now on the system call fails in this process.
bool forbid(unsigned number, unsigned error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof code / sizeof *code, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(DirStoreTest, ReadingMakesNothing) {
  auto store = open();
  EXPECT_THAT(keys(*store), IsEmpty());
  EXPECT_TRUE(store->get("a", 1).is(Code::not_found));
  EXPECT_TRUE(store->remove("a").ok());
  EXPECT_FALSE(exists(directory_.path() + "/new"));
}

TEST_F(DirStoreTest, WritingMakesAPrivateDirectory) {
  auto store = open();
  auto early = open();
  ASSERT_TRUE(store->create("a/b", "x").ok());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_EQ(early->get("a/b", 1).value(), "x") << "a handle from before sees it";
  EXPECT_THAT(list_dir(path_ + "/tmp").value(), IsEmpty());
}

TEST_F(DirStoreTest, AFileIsRefused) {
  ASSERT_TRUE(replace_file(directory_.path() + "/file", "thesis", false).ok());
  path_ = directory_.path() + "/file";
  auto refused = open_dir_store(path_, {});
  ASSERT_TRUE(refused.is(Code::invalid));
  EXPECT_THAT(refused.error().message, HasSubstr(path_ + " is a file"));
}

TEST_F(DirStoreTest, AnUnwritablePlaceIsDenied) {
  auto store = open();
  ASSERT_TRUE(store->create("a", "x").ok());
  ASSERT_EQ(chmod(path_.c_str(), 0555), 0);
  ASSERT_EQ(chmod((path_ + "/tmp").c_str(), 0555), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_EQ(in_child([&] {
              if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return kCannot;
              Status denied = store->create("b", "x");
              return denied.is(Code::denied) &&
                             denied.error().message.find(path_) != std::string::npos
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(DirStoreTest, AFilesystemWithoutHardLinksIsRefusedAndLeftAsItWas) {
  ASSERT_TRUE(make_dirs(directory_.path() + "/new").ok());
  int outcome = in_child([&] {
    if (!forbid(SYS_linkat, EPERM)) return kCannot;
    Status refused = open()->create("baton.json", "{}");
    bool clear = refused.is(Code::unsupported) &&
                 refused.error().message.find("without hard links") != std::string::npos;
    return clear && !refused.error().hint.empty() ? 0 : 1;
  });
  if (outcome == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(outcome, 0);
  EXPECT_FALSE(exists(path_));
}

TEST_F(DirStoreTest, AFullDiskIsToldApartAndHurtsNothing) {
  ASSERT_TRUE(make_dirs(path_).ok());
  int outcome = in_child([&] {
    int spaces = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (unshare(spaces) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("small", path_.c_str(), "tmpfs", 0, "size=128k") != 0)
      return kCannot;
    auto store = open(true);
    if (!store->create("good", "as before").ok()) return 1;
    std::string large(1 << 20, 'x');
    if (!store->create("large", large).is(Code::no_space)) return 2;
    if (!store->put("large", large).is(Code::no_space)) return 3;
    if (!list_dir(path_ + "/tmp").value().empty()) return 4;
    if (store->get("good", 100).value() != "as before" || store->head("large").ok()) return 5;
    return store->create("small", "fits again").ok() ? 0 : 6;
  });
  if (outcome == kCannot) GTEST_SKIP() << "mount namespaces are not allowed here";
  EXPECT_EQ(outcome, 0);
}

TEST_F(DirStoreTest, WhatAFlushCouldNotMakeDurableIsGone) {
  int outcome = in_child([&] {
    auto store = open(true);
    store->defer_sync(true);
    if (!store->create("jobs/j/blobs/1/aa/x", "bytes").ok()) return 1;
    if (!forbid(SYS_fsync, EIO)) return kCannot;
    if (store->flush().ok()) return 2;
    return store->head("jobs/j/blobs/1/aa/x").is(Code::not_found) ? 0 : 3;
  });
  if (outcome == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(outcome, 0);
}

TEST_F(DirStoreTest, ACreateThatCannotBeMadeDurableFails) {
  int outcome = in_child([&] {
    auto store = open(true);
    if (!store->create("jobs/j/job.json", "1").ok()) return 1;
    if (!forbid(SYS_fsync, EIO)) return kCannot;
    return store->create("jobs/j/events/1", "2").ok() ? 2 : 0;
  });
  if (outcome == kCannot) GTEST_SKIP() << "seccomp filters are not allowed here";
  EXPECT_EQ(outcome, 0);
}

TEST_F(DirStoreTest, DurableWritesWorkAsOthersDo) {
  auto store = open(true);
  EXPECT_TRUE(store->create("jobs/j/job.json", "1").ok());
  EXPECT_TRUE(store->create("jobs/j/job.json", "2").is(Code::exists));
  store->defer_sync(true);
  EXPECT_TRUE(store->create("jobs/j/blobs/1/aa/x", "3").ok());
  EXPECT_TRUE(store->flush().ok());
  EXPECT_THAT(keys(*store), ElementsAre("jobs/j/blobs/1/aa/x", "jobs/j/job.json"));
}

TEST_F(DirStoreTest, OldTemporariesAreSweptYoungOnesAreNot) {
  ASSERT_TRUE(open()->create("a", "x").ok());
  for (const char* name : {"/tmp/old", "/tmp/young"})
    ASSERT_TRUE(replace_file(path_ + name, "torn", false).ok());
  timespec times[2]{};
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= 25 * 3600;
  times[1] = times[0];
  ASSERT_EQ(utimensat(AT_FDCWD, (path_ + "/tmp/old").c_str(), times, 0), 0);
  auto store = open();
  EXPECT_THAT(list_dir(path_ + "/tmp").value(), ElementsAre("young"));
  EXPECT_THAT(keys(*store), ElementsAre("a")) << "temporary files are no objects";
}

TEST_F(DirStoreTest, WhatIsNoObjectOfBatonsIsPassedOver) {
  auto store = open();
  ASSERT_TRUE(store->create("d/good", "x").ok());
  ASSERT_EQ(symlink("/etc/passwd", (path_ + "/d/link").c_str()), 0);
  ASSERT_EQ(symlink("/etc", (path_ + "/e").c_str()), 0);
  ASSERT_EQ(mkfifo((path_ + "/d/pipe").c_str(), 0600), 0);
  ASSERT_TRUE(replace_file(path_ + "/d/with space", "x", false).ok());
  ASSERT_TRUE(replace_file(path_ + "/d/\xff\xfe", "x", false).ok());
  ASSERT_TRUE(make_dirs(path_ + "/empty/deep").ok());
  EXPECT_THAT(keys(*store), ElementsAre("d/good"));
  EXPECT_THAT(keys(*store, true), ElementsAre("d/"));
  for (const char* key : {"d/link", "d/pipe", "empty"}) {
    EXPECT_TRUE(store->get(key, 100).is(Code::not_found)) << key;
    EXPECT_TRUE(store->head(key).is(Code::not_found)) << key;
  }
}

TEST_F(DirStoreTest, RemovingPrunesEmptyDirectories) {
  auto store = open();
  ASSERT_TRUE(store->create("jobs/a/events/1", "x").ok());
  ASSERT_TRUE(store->create("jobs/b/events/1", "x").ok());
  ASSERT_TRUE(store->remove("jobs/a/events/1").ok());
  EXPECT_THAT(list_dir(path_ + "/jobs").value(), ElementsAre("b"));
  ASSERT_TRUE(store->remove("jobs/b/events/1").ok());
  EXPECT_TRUE(is_directory(path_ + "/jobs"));
}

}  // namespace
}  // namespace baton
