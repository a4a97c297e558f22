// The tests of the oci engine once more, as an unprivileged user.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

class Rootless : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "everything runs as an unprivileged user already";
    chmod(dir_.path().c_str(), 0755);
    copy("/proc/self/exe", "test");
    copy(BATON_TEST_PID1, "pid1");
    for (const char* file : {"/etc/subuid", "/etc/subgid"})
      if (!exists(file)) {
        ASSERT_TRUE(replace_file(file, "", false).ok());
        made_.emplace_back(file);
      }
    // "nobody" in a mount namespace where it has a range of ids, or has none.
    ASSERT_TRUE(replace_file(path("range"), "nobody:100000:65536\n", false).ok());
    ASSERT_TRUE(replace_file(path("none"), "", false).ok());
  }
  void TearDown() override {
    for (const auto& file : made_) unlink(file.c_str());
  }
  void copy(const std::string& from, const std::string& to) {
    std::error_code error;
    std::filesystem::copy_file(from, path(to), error);
    ASSERT_FALSE(error) << error.message();
    chmod(path(to).c_str(), 0755);
  }
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  void run_tests(const std::string& ids) {
    SpawnOptions options;
    options.argv = {"unshare", "-m", "sh", "-c",
                    "mount --bind " + path(ids) + " /etc/subuid && mount --bind " + path(ids) +
                        " /etc/subgid && exec setpriv --reuid=65534 --regid=65534 --clear-groups "
                        "env HOME=/nonexistent "
                        "BATON_TEST_PID1=" +
                        path("pid1") + " " + path("test") +
                        " --gtest_filter='Engines/*oci_*:OciEngine.*:OciCdi.*'"};
    auto output = run_command(options, 600'000);
    ASSERT_TRUE(output.ok()) << output.error().text();
    EXPECT_TRUE(output->status.success()) << output->out << output->err;
  }
  std::vector<std::string> made_;  // only a mount point on it is needed
  TempDir dir_ = std::move(TempDir::create("baton-rootless")).value();
};

TEST_F(Rootless, WithARangeOfIds) { run_tests("range"); }

TEST_F(Rootless, WithOneIdOnly) { run_tests("none"); }

}  // namespace
}  // namespace baton
