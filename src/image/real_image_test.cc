// A real image from the machine's own mirror with the real mmdebstrap: as root, and in a user
// namespace without root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/host_image.h"
#include "image/image_namespace.h"
#include "image/images_options.h"
#include "image/tiny_archive.h"

namespace baton {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRootlessUser[] = "baton-rootless-test";
constexpr int kRootlessId = 54321;

Result<Output> run(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  return run_command(options, 600'000);
}

// Runs a program of the image, as root of its own namespace.
std::string run_in(const Image& image, std::vector<std::string> program) {
  auto argv = namespace_prefix();
  if (!argv.ok()) return argv.error().text();
  argv->insert(argv->end(), {"chroot", image.layers.at(0)});
  argv->insert(argv->end(), program.begin(), program.end());
  auto output = run(*argv);
  return output.ok() ? output->out + output->err : output.error().text();
}

void make_use_and_remove(const std::string& home) {
  ImagesOptions options;
  options.home = home;
  std::string suite = os_release_field(options.os_release, "VERSION_CODENAME");
  if (os_release_field(options.os_release, "ID") != "debian" || suite.empty())
    GTEST_SKIP() << "this machine is not a Debian release";
  if (!find_program("mmdebstrap")) GTEST_SKIP() << "mmdebstrap is not installed";
  auto images = make_images(options);
  RecordedProgress progress;
  auto image = images->ensure({ImageSpec::Form::debian, suite, {"hello"}}, progress);
  if (image.is(Code::transient)) GTEST_SKIP() << image.error().text();
  ASSERT_TRUE(image.ok()) << image.error().text();

  const std::string& root = image->layers.at(0);
  EXPECT_EQ(run_in(*image, {"/usr/bin/hello", "-g", "from inside"}), "from inside\n");
  EXPECT_EQ(get_string(*parse_json(*read_file(parent_path(root) + "/info.json"), "info"), "owner"),
            geteuid() == 0 ? "root" : "user");
  EXPECT_EQ(run_in(*image, {"/bin/sh", "-c", "id -u; stat -c %u:%g /etc/shadow"}), "0\n0:42\n");
  for (const char* empty : {"/etc/machine-id", "/etc/hostname", "/etc/resolv.conf"})
    EXPECT_EQ(*read_file(root + empty), "") << empty;
  EXPECT_TRUE(exists(root + "/usr/share/doc/hello/copyright"));
  EXPECT_FALSE(exists(root + "/usr/share/man/man1/hello.1.gz"));
  EXPECT_FALSE(exists(root + "/etc/apt/sources.list"));
  EXPECT_FALSE(exists(root + "/usr/share/info/hello.info.gz"));
  auto downloaded = list_dir(root + "/var/cache/apt/archives");
  ASSERT_TRUE(downloaded.ok());
  for (const auto& name : *downloaded) EXPECT_THAT(name, testing::Not(testing::EndsWith(".deb")));
  EXPECT_GT(images->list()->at(0).size, 20u << 20);
  EXPECT_THAT(progress.text(), HasSubstr("installing packages"));

  auto parts = read_file("/proc/self/mounts");
  ASSERT_TRUE(parts.ok());
  EXPECT_THAT(*parts, testing::Not(HasSubstr(home)));
  ASSERT_TRUE(images->remove(image->id).ok());
  EXPECT_FALSE(exists(root));
  EXPECT_THAT(*list_dir(home + "/images/.building"), IsEmpty());
  EXPECT_THAT(*images->list(), IsEmpty());
}

TEST(RealImage, IsMadeUsedAndRemoved) {
  if (!namespace_prefix().ok()) GTEST_SKIP() << namespace_prefix().error().text();
  auto home = TempDir::create("home with space");
  ASSERT_TRUE(home.ok());
  make_use_and_remove(home->path());
}

// Becomes an ordinary user with a range of ids, known only within a mount namespace, and runs the
// test above.
TEST(RealImage, IsMadeWithoutRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "the test before this one has just done it";
  if (!namespace_prefix().ok()) GTEST_SKIP() << namespace_prefix().error().text();
  if (!find_program("newuidmap")) GTEST_SKIP() << "uidmap is not installed";
  auto dir = TempDir::create("rootless");
  ASSERT_TRUE(dir.ok());
  ASSERT_EQ(chmod(dir->path().c_str(), 0755), 0);
  std::string home = dir->path() + "/home", user = kRootlessUser, id = std::to_string(kRootlessId);
  ASSERT_TRUE(make_dirs(home).ok());
  ASSERT_EQ(chown(home.c_str(), kRootlessId, kRootlessId), 0);
  auto add = [&](const std::string& file, const std::string& line) {
    auto text = read_file("/etc/" + file);
    return replace_file(dir->path() + "/" + file, (text.ok() ? *text : "") + line + "\n", false);
  };
  ASSERT_TRUE(add("passwd", user + ":x:" + id + ":" + id + "::" + home + ":/bin/sh").ok());
  ASSERT_TRUE(add("group", user + ":x:" + id + ":").ok());
  ASSERT_TRUE(replace_file(dir->path() + "/subuid", user + ":300000:65536\n", false).ok());
  ASSERT_TRUE(replace_file(dir->path() + "/subgid", user + ":300000:65536\n", false).ok());
  auto self = run({"cp", "/proc/" + std::to_string(getpid()) + "/exe", dir->path() + "/test"});
  ASSERT_TRUE(self.ok() && self->status.success());
  ASSERT_EQ(chmod((dir->path() + "/test").c_str(), 0755), 0);
  std::string script =
      "set -e; cd " + dir->path() +
      "; for f in passwd group subuid subgid; do mount --bind $f /etc/$f; done; export TMPDIR=" +
      home + "; exec setpriv --reuid=" + id + " --regid=" + id +
      " --clear-groups ./test --gtest_filter=RealImage.IsMadeUsedAndRemoved";
  auto output = run({"unshare", "--mount", "sh", "-c", script});
  ASSERT_TRUE(output.ok());
  EXPECT_TRUE(output->status.success()) << output->out << output->err;
  if (output->out.find("SKIPPED") != std::string::npos) GTEST_SKIP() << output->out;
  EXPECT_THAT(output->out, HasSubstr("[  PASSED  ] 1 test."));
}

}  // namespace
}  // namespace baton
