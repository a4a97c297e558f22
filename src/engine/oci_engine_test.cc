// What a container of the oci engine gets, and what it may not do (docs/engines.md).
#include "engine/oci_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "engine/engine_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OciEngine : public ::testing::Test {
 protected:
  OciEngine() { container_.spec.root.layers = {busybox_root(container_.dir() + "/root")}; }
  // What a shell script prints.
  std::string output(const std::string& script) {
    container_.shell("exec 2>&1; " + script);
    container_.run(*engine_);
    return container_.out();
  }
  void use_host() {
    container_.spec.root.layers.clear();
    container_.spec.root.host = true;
  }
  Error refusal() {
    container_.shell("true");
    auto container = engine_->start(container_.spec);
    EXPECT_FALSE(container.ok());
    EXPECT_TRUE(list_dir(container_.spec.work_dir).value().empty()) << "something stayed behind";
    return container.ok() ? Error{} : container.error();
  }

  TestContainer container_;
  std::unique_ptr<Engine> engine_ = make_oci_engine();
};

TEST_F(OciEngine, ChecksAndDescribesTheMachine) {
  Status status = engine_->check();
  EXPECT_TRUE(status.ok()) << status.error().text();
  Json json = engine_->describe();
  EXPECT_EQ(json["engine"], "oci");
  EXPECT_THAT(get_string(json, "version"), HasSubstr("run"));
  EXPECT_EQ(json["limits"].size(), 3U);
  EXPECT_EQ(json["rootless"], geteuid() != 0);
}

TEST_F(OciEngine, NamesTheRuntimeThatIsNotThere) {
  OciOptions options;
  options.runtime = "/no/such/crun";
  engine_ = make_oci_engine(options);
  EXPECT_THAT(refusal().message, HasSubstr("/no/such/crun"));
}

TEST_F(OciEngine, HasNamespacesOfItsOwn) {
  container_.spec.network = false;
  std::string script;
  for (const char* type : {"user", "mnt", "pid", "ipc", "uts", "net"})
    script += fmt::format("readlink /proc/self/ns/{}; ", type);
  auto theirs = split(trim(output(script)), '\n');
  ASSERT_EQ(theirs.size(), 6U);
  for (const auto& space : theirs) {
    std::string type = space.substr(0, space.find(':'));
    std::array<char, 64> ours{};
    ASSERT_GT(readlink(("/proc/self/ns/" + type).c_str(), ours.data(), ours.size() - 1), 0)
        << space;
    EXPECT_NE(space, ours.data());
  }
}

TEST_F(OciEngine, SharesTheNetworkUnlessToldNot) {
  std::array<char, 64> ours{};
  ASSERT_GT(readlink("/proc/self/ns/net", ours.data(), ours.size() - 1), 0);
  EXPECT_THAT(output("ls -l /proc/self/ns/net"), HasSubstr(ours.data()));
}

TEST_F(OciEngine, WithoutANetworkOnlyItselfIsReached) {
  container_.spec.network = false;
  std::string text = output("ip -o link; ip -o addr; cat /etc/resolv.conf");
  EXPECT_THAT(text, HasSubstr("127.0.0.1/8"));
  EXPECT_THAT(text, Not(HasSubstr("2: "))) << "more than lo";
  EXPECT_THAT(text, HasSubstr("'/etc/resolv.conf': No such file"));
}

TEST_F(OciEngine, IsRootOfLittle) {
  std::string text = output("grep -E 'Cap|NoNewPrivs|^Seccomp:' /proc/1/status /proc/self/status");
  for (const char* process : {"/proc/1/status", "/proc/self/status"}) {
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"})
      EXPECT_THAT(text, HasSubstr(fmt::format("{}:{}:\t00000000000000fb", process, set)));
    EXPECT_THAT(text, HasSubstr(fmt::format("{}:NoNewPrivs:\t1", process)));
    EXPECT_THAT(text, HasSubstr(fmt::format("{}:Seccomp:\t2", process)));
  }
}

TEST_F(OciEngine, CannotReachTheMachine) {
  struct Try {
    std::string command, refused;
  };
  const std::vector<Try> table{
      {"mount -t tmpfs none /bin", "mount: permission denied"},
      {"mknod /null c 1 3", "Operation not permitted"},
      {"hostname other", "Operation not permitted"},
      {"unshare -U true", "Operation not permitted"},
      {"unshare -m true", "Operation not permitted"},
      {"echo 1 > /proc/sys/kernel/panic", "Read-only file system"},
      {"echo 1 > /sys/kernel/mm/ksm/run", "Read-only file system"},
      {"mkdir /sys/fs/cgroup/x", "Read-only file system"},
      {"echo x > /baton/bin/baton", "Read-only file system"},
      {"kill -9 1; echo alive", "alive"},
  };
  std::string script;
  for (const auto& attempt : table) script += fmt::format("( {} ); echo ---; ", attempt.command);
  auto answers = split(output("(" + script + ")"), '\n');
  size_t i = 0;
  std::string answer;
  for (const auto& line : answers) {
    if (line != "---") {
      answer += line + "\n";
      continue;
    }
    ASSERT_LT(i, table.size());
    EXPECT_THAT(answer, HasSubstr(table[i].refused)) << table[i].command;
    answer.clear();
    ++i;
  }
  EXPECT_EQ(i, table.size());
}

TEST_F(OciEngine, SeesOnlyItsOwnProcesses) {
  EXPECT_EQ(output("echo /proc/[0-9]*"), "/proc/1 /proc/2\n");
}

TEST_F(OciEngine, SeesOnlyItsOwnControlGroup) {
  // Version 2 shows processes of other pid namespaces as 0: the runtime that waits for us is one.
  std::string text = output(
      "cat /sys/fs/cgroup/cgroup.procs 2>/dev/null | grep -c '^0$'; ls -d "
      "/sys/fs/cgroup/*/cgroup.procs "
      "2>/dev/null; grep -L '^1$' /sys/fs/cgroup/*/cgroup.procs 2>/dev/null; :");
  auto lines = split(trim(text), '\n');
  EXPECT_LE(std::stoi(lines[0]), 1);
  for (size_t i = 1; i < lines.size(); ++i)
    EXPECT_THAT(lines[i], testing::AnyOf(HasSubstr("/memory/"), HasSubstr("/pids/")))
        << "only what was made for this container";
}

TEST_F(OciEngine, ChangesToTheImageAreForgotten) {
  EXPECT_EQ(output("rm /bin/cat && touch /bin/new /new && ls /bin/cat"),
            "ls: /bin/cat: No such file or directory\n");
  EXPECT_TRUE(exists(container_.spec.root.layers[0] + "/bin/cat"));
  EXPECT_FALSE(exists(container_.spec.root.layers[0] + "/new"));
  EXPECT_FALSE(exists(container_.spec.root.layers[0] + "/bin/new"));
}

TEST_F(OciEngine, AHigherLayerHidesALowerOne) {
  std::string top = container_.dir() + "/to:p,x\\y";  // what overlayfs takes for separators
  ASSERT_TRUE(make_dirs(top + "/etc").ok());
  ASSERT_TRUE(make_dirs(container_.spec.root.layers[0] + "/etc").ok());
  ASSERT_TRUE(replace_file(container_.spec.root.layers[0] + "/etc/who", "lower\n", false).ok());
  ASSERT_TRUE(replace_file(top + "/etc/who", "upper\n", false).ok());
  container_.spec.root.layers.push_back(top);
  EXPECT_EQ(output("cat /etc/who"), "upper\n");
}

TEST_F(OciEngine, KnowsNames) {
  EXPECT_THAT(
      output(
          "hostname; cat /etc/hostname; cat /etc/hosts; wc -l < /etc/resolv.conf; stat -c %a /etc"),
      testing::MatchesRegex("baton-test\nbaton-test\n(.|\n)*127.0.1.1 baton-test\n(.|\n)*755\n"));
}

TEST_F(OciEngine, ALinkInTheImageDoesNotLeadOut) {
  std::string outside = container_.dir() + "/outside";
  ASSERT_TRUE(make_dirs(outside).ok());
  ASSERT_EQ(symlink(outside.c_str(), (container_.spec.root.layers[0] + "/etc").c_str()), 0);
  EXPECT_EQ(output("grep -c baton-test /etc/hosts"), "1\n");
  ASSERT_EQ(symlink(outside.c_str(), (container_.spec.root.layers[0] + "/results").c_str()), 0);
  container_.mount("/results/here", true);
  EXPECT_THAT(refusal().message, HasSubstr("results"));
  EXPECT_TRUE(list_dir(outside).value().empty());
}

TEST_F(OciEngine, GivesSharedMemoryOfTheSizeAskedFor) {
  container_.spec.shm = 3 << 20;
  EXPECT_THAT(output("df -k /dev/shm"), HasSubstr(" 3072 "));
}

TEST_F(OciEngine, HasDefaultsForPathAndHomeOnly) {
  container_.spec.env = {{"HOME", "/here"}};
  EXPECT_THAT(output("env"),
              testing::AllOf(HasSubstr("PATH=/usr/local/sbin:"), HasSubstr("HOME=/here\n"),
                             Not(HasSubstr("TMPDIR")), Not(HasSubstr("BATON"))));
}

TEST_F(OciEngine, KeepsTheAgentsLimitsAndNeverRaisesThem) {
  rlimit old{}, low{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  low = old;
  low.rlim_cur = 77;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  std::string text = output("ulimit -S -n; ulimit -H -n");
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(text, fmt::format("77\n{}\n", old.rlim_max));
}

TEST_F(OciEngine, MountsWithinMountsAreSeenWhicheverIsNamedFirst) {
  std::string inner = container_.mount("/data/a/inner", true),
              outer = container_.mount("/data", false);
  ASSERT_TRUE(make_dirs(outer + "/a/inner").ok());
  EXPECT_THAT(output("echo x > /data/a/inner/f; ls /data/a/inner; echo x > /data/a/f"),
              HasSubstr("f\n"));
  EXPECT_TRUE(exists(inner + "/f"));
  EXPECT_FALSE(exists(outer + "/a/f"));
}

TEST_F(OciEngine, NothingIsMadeInTheUsersData) {
  container_.mount("/data", false);
  container_.mount("/data/inner", true);
  Error error = refusal();
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.message, HasSubstr("/data/inner does not exist"));
  EXPECT_TRUE(list_dir(container_.spec.mounts[0].source).value().empty());
}

TEST_F(OciEngine, RefusesMountPointsThatAreNotItsOwn) {
  for (const char* point : {"", "data", "/", "/a/../b", "/a/", "/a//b", "/proc", "/proc/1",
                            "/sys/x", "/dev/shm", "/baton/bin/baton"}) {
    container_.spec.mounts = {{container_.dir(), point}};
    EXPECT_EQ(refusal().code, Code::invalid) << point;
  }
  container_.spec.mounts = {{container_.dir(), "/a"}, {container_.dir(), "/a"}};
  EXPECT_THAT(refusal().message, HasSubstr("two mounts"));
}

TEST_F(OciEngine, RefusesIdsThatAreNotNames) {
  for (const char* id : {"", "a/b", "..", "a b", "a\n"}) {
    container_.spec.id = id;
    EXPECT_EQ(refusal().code, Code::invalid) << id;
  }
}

TEST_F(OciEngine, AMissingLayerIsNamed) {
  container_.spec.root.layers.push_back("/no/such/layer");
  EXPECT_THAT(refusal().message, HasSubstr("/no/such/layer"));
}

TEST_F(OciEngine, AFileCanBeMounted) {
  std::string file = container_.dir() + "/file";
  ASSERT_TRUE(replace_file(file, "content\n", false).ok());
  container_.spec.mounts = {{file, "/etc/some/file"}};
  EXPECT_THAT(output("cat /etc/some/file; echo x > /etc/some/file"),
              testing::StartsWith("content\n"));
  EXPECT_EQ(read_file(file).value(), "content\n");
}

TEST_F(OciEngine, TheMachinesRootIsSeenButNotItsHomes) {
  use_host();
  container_.spec.root.hidden = {"/usr/share/doc"};
  std::string text = output(
      "ls /etc/debian_version; ls -A /home /root /tmp /usr/share/doc /var/tmp; "
      "touch /opt/baton-x; touch /usr/baton-x; touch /baton-x /tmp/x /run/x /var/tmp/baton-x && "
      "echo made; getent hosts baton-test");
  EXPECT_THAT(text,
              testing::MatchesRegex(
                  "/etc/debian_version\n/home:\n\n/root:\n\n/tmp:\n\n/usr/share/doc:\n\n/var/tmp:\n"
                  "(.|\n)*Read-only(.|\n)*Read-only(.|\n)*made\n127.0.1.1 *baton-test\n"));
  for (const char* path : {"/baton-x", "/var/tmp/baton-x"}) EXPECT_FALSE(exists(path)) << path;
}

TEST_F(OciEngine, TheWorkDirectoryMayBeInAnyTemporaryDirectory) {
  auto dir = TempDir::create("baton-engine", "/var/tmp");
  ASSERT_TRUE(dir.ok());
  std::string old = std::exchange(container_.spec.work_dir, dir->path());
  use_host();
  container_.spec.root.hidden = {parent_path(dir->path()), dir->path()};
  EXPECT_EQ(output("ls -A /var/tmp; echo seen"), "seen\n");
  container_.spec.work_dir = old;
}

TEST_F(OciEngine, MountPointsOnTheMachinesRootMayBeNew) {
  use_host();
  std::string a = container_.mount("/baton-new/deep", true),
              b = container_.mount("/home/someone/x", true), c = container_.mount("/opt", true);
  output("touch /baton-new/deep/1 /home/someone/x/2 /opt/3");
  EXPECT_TRUE(exists(a + "/1"));
  EXPECT_TRUE(exists(b + "/2"));
  EXPECT_TRUE(exists(c + "/3"));
  EXPECT_FALSE(exists("/baton-new"));
}

TEST_F(OciEngine, AMountPointThatWouldChangeTheMachineIsRefused) {
  use_host();
  container_.mount("/usr/baton-no-such", true);
  Error error = refusal();
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.hint, HasSubstr("top-level"));
}

// Where overlayfs cannot have its upper layer on the work directory's filesystem.
TEST_F(OciEngine, FallsBackToMemoryForThrowAwayLayers) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can mount the overlay that stands in for such a filesystem";
  ASSERT_EQ(unshare(CLONE_NEWNS),
            0);  // this process's own mounts from here on; harmless for other tests
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  std::string base = container_.dir() + "/base";
  for (const char* part : {"/lower", "/upper", "/work", "/merged"})
    ASSERT_TRUE(make_dirs(base + part).ok());
  std::string options = fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", base);
  ASSERT_EQ(mount("overlay", (base + "/merged").c_str(), "overlay", 0, options.c_str()), 0);
  std::string old = container_.spec.work_dir;
  container_.spec.work_dir = base + "/merged";
  std::string app = container_.mount("/app", true, true);
  EXPECT_EQ(output("echo x > /app/f; echo y > /f; cat /app/f /f; grep -c baton-test /etc/hosts"),
            "x\ny\n1\n");
  EXPECT_FALSE(exists(app + "/f"));
  EXPECT_EQ(umount((base + "/merged").c_str()), 0) << "something is still mounted there";
  container_.spec.work_dir = old;
}

TEST_F(OciEngine, ReadOnlyHoldsForMountsBelowTheSourceToo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount what is to be found below the source";
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  std::string data = container_.mount("/data", false), below = data + "/below";
  ASSERT_TRUE(make_dirs(below).ok());
  ASSERT_EQ(mount("none", below.c_str(), "tmpfs", MS_NOEXEC | MS_NOATIME | MS_NOSUID, ""), 0);
  ASSERT_TRUE(replace_file(below + "/f", "deep\n", false).ok());
  EXPECT_THAT(output("cat /data/below/f; touch /data/below/g"),
              testing::AllOf(testing::StartsWith("deep\n"), HasSubstr("Read-only")));
  EXPECT_EQ(umount(below.c_str()), 0);
}

TEST_F(OciEngine, ADeviceFileInTheImageDoesNotOpen) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a device file";
  ASSERT_EQ(
      mknod((container_.spec.root.layers[0] + "/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  EXPECT_THAT(output("head -c 1 /zero"), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace baton
