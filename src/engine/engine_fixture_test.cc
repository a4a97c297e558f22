#include "engine/engine_fixture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/ids.h"
#include "os/clock.h"

namespace baton {

Collected::Collected() {
  std::array<int, 2> fds{};
  EXPECT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  read_.reset(fds[0]);
  write_.reset(fds[1]);
}

bool Collected::read_some(int timeout_ms) {
  pollfd entry{read_.get(), POLLIN, 0};
  if (poll(&entry, 1, timeout_ms) <= 0) {
    ADD_FAILURE() << "a stream stays open without a word";
    return false;
  }
  std::array<char, 4096> part{};
  ssize_t n = read(read_.get(), part.data(), part.size());
  if (n > 0) all_.append(part.data(), static_cast<size_t>(n));
  return n > 0;
}

std::string Collected::text() {
  write_.reset();
  while (read_some(30'000)) {
  }
  return all_;
}

void Collected::wait_for(const std::string& word) {
  while (all_.find(word) == std::string::npos)
    if (!read_some(30'000)) {
      ADD_FAILURE() << "\"" << word << "\" did not come, but: " << all_;
      return;
    }
}

bool eventually(const std::function<bool()>& condition) {
  SystemClock clock;
  for (int64_t end = clock.mono_ms() + 30'000; clock.mono_ms() < end; clock.sleep_ms(2))
    if (condition()) return true;
  return condition();
}

std::string busybox_root(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory + "/bin", error);
  std::filesystem::copy_file("/bin/busybox", directory + "/bin/busybox", error);
  if (error) return "";
  for (const char* tool :
       {"sh",  "true",     "cat",  "ls",    "id",   "sleep", "touch",    "mount", "dd",     "kill",
        "ps",  "echo",     "stat", "chown", "su",   "ip",    "hostname", "mkdir", "rm",     "mknod",
        "env", "readlink", "pwd",  "wc",    "head", "df",    "tr",       "grep",  "unshare"})
    std::filesystem::create_symlink("busybox", directory + "/bin/" + tool, error);
  return directory;
}

TestContainer::TestContainer() : dir_(std::move(TempDir::create("baton-engine")).value()) {
  spec.id = "test-" + random_base32(8);
  spec.work_dir = dir() + "/work";
  EXPECT_TRUE(make_dirs(spec.work_dir, 0755).ok());
  chmod(dir().c_str(), 0755);
  spec.hostname = "baton-test";
  const char* copy =
      std::getenv("BATON_TEST_PID1");  // for users who cannot enter the build directory
  spec.init_path = copy ? copy : BATON_TEST_PID1;
  spec.cwd = "/";
  spec.stdout_fd = out_.write_fd();
  spec.stderr_fd = err_.write_fd();
}

std::string TestContainer::mount(const std::string& destination, bool writable, bool throw_away) {
  std::string source = fmt::format("{}/mount{}", dir(), spec.mounts.size());
  EXPECT_TRUE(make_dirs(source).ok());
  spec.mounts.push_back({source, destination, writable, throw_away});
  return source;
}

ContainerExit TestContainer::run(Engine& engine) {
  auto container = engine.start(spec);
  if (!container.ok()) {
    ADD_FAILURE() << container.error().text();
    return {{-1, 0}, false, 0};
  }
  auto exit = (*container)->wait(30'000);
  if (!exit) ADD_FAILURE() << "the container did not end";
  return exit.value_or(ContainerExit{{-1, 0}, false, 0});
}

}  // namespace baton
