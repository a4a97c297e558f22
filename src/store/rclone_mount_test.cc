#include "store/rclone_mount.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/files.h"

namespace baton {
namespace {

bool is_mount_point(const std::string& path) {
  struct stat here {
  }, above{};
  return stat(path.c_str(), &here) == 0 && stat(parent_path(path).c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

// In a process of its own, which mounts where nobody else sees it. 0 when all is well.
int unmount_by_another_path(const std::string& dir) {
  if (mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) return 2;
  const std::string real = dir + "/real/a b/data", other = dir + "/real/other";
  for (const auto& path : {real, other})
    if (!make_dirs(path).ok() || mount("none", path.c_str(), "tmpfs", 0, nullptr) != 0) return 3;
  if (symlink("real", (dir + "/link").c_str()) != 0) return 4;
  if (!unmount_below(dir + "/link/a b").ok() || is_mount_point(real)) return 5;
  if (!is_mount_point(other)) return 6;
  return unmount_below(dir + "/link/other").ok() && !is_mount_point(other) ? 0 : 7;
}

TEST(UnmountBelow, SeesThroughSymbolicLinksInThePath) {
  constexpr int kCannot = 77;
  TempDir dir = TempDir::create("mount").value();
  const pid_t child = fork();
  if (child == 0) {
    const int spaces = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
    _exit(unshare(spaces) == 0 ? unmount_by_another_path(dir.path()) : kCannot);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "impossible here: no mount namespaces";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace baton
