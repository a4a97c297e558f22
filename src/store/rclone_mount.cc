#include "store/rclone_mount.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/text.h"
#include "net/shown_url.h"
#include "os/files.h"
#include "os/process.h"
#include "store/rclone_remote.h"

namespace baton {
namespace {

constexpr int64_t kReadyMs = 30'000;
constexpr int64_t kLookMs = 20;
constexpr int64_t kEndMs = 5'000;

// In mountinfo, blanks and backslashes are written as \ooo (proc_pid_mountinfo(5)).
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    auto octal = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// As mountinfo has it: nothing above the directory is a symbolic link. The directory itself is not
// looked at; what was mounted on it may be dead.
std::string canonical(const std::string& directory) {
  std::unique_ptr<char, decltype(&std::free)> parent(
      realpath(parent_path(directory).c_str(), nullptr), &std::free);
  return parent ? join_path(parent.get(), base_name(directory)) : directory;
}

// Mount points on or below `path`, the innermost first.
std::vector<std::string> mounts_below(const std::string& path) {
  std::vector<std::string> found;
  const std::string directory = canonical(path);
  auto text = read_file("/proc/self/mountinfo");
  if (!text.ok()) return found;
  for (const auto& line : split(*text, '\n')) {
    auto fields = split(line, ' ');
    if (fields.size() < 5) continue;
    std::string point = unescape(fields[4]);
    if (point == directory || starts_with(point, directory + "/")) found.push_back(point);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Status unmount(const std::string& point) {
  if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL) return {};
  const int error = errno;
  for (const char* program : {"fusermount3", "fusermount"}) {
    if (!find_program(program)) continue;
    SpawnOptions options;
    options.argv = {program, "-u", "-z", point};
    auto done = run_command(options, kEndMs);
    if (done.ok() && done->status.success()) return {};
  }
  return errno_error(error, "unmount " + point);
}

void set(std::vector<std::string>& variables, const std::string& name, const std::string& value) {
  std::erase_if(variables, [&](const auto& old) { return starts_with(old, name + "="); });
  if (!value.empty()) variables.push_back(name + "=" + value);
}

std::vector<std::string> rclone_environment(const RcloneRemote& remote) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry; ++entry) variables.emplace_back(*entry);
  set(variables, "RCLONE_CONFIG", "/dev/null");
  for (const auto& [name, value] : remote.variables) set(variables, name, value);
  return variables;
}

// Go's errors name the whole address that was asked for, and in Azure's that may be a signature.
std::string without_signatures(std::string text) {
  for (size_t at = text.find("sig="); at != std::string::npos; at = text.find("sig=", at)) {
    at += 4;
    text.replace(at, text.find_first_of("& \"'\n", at) - at, "…");
  }
  return text;
}

class RcloneMount : public BucketMount {
 public:
  RcloneMount(Child child, std::string directory)
      : child_(std::move(child)), directory_(std::move(directory)) {}
  ~RcloneMount() override {
    // First the mount: a program that still reads from it must not keep rclone from ending.
    Status unmounted = unmount_below(directory_);
    (void)unmounted;  // the cleaning of leftovers tries again, and says why not
    child_.kill(SIGTERM);
    if (!child_.wait(kEndMs)) {
      child_.kill(SIGKILL);
      child_.wait();
    }
  }
  Child& child() { return child_; }

 private:
  Child child_;
  const std::string directory_;
};

// From 1.61 on; it tells "rclone v1.60.1-DEV". https://rclone.org/azureblob/#env-auth
bool rclone_finds_identities() {
  constexpr int kFirst = 61;
  SpawnOptions options;
  options.argv = {"rclone", "version"};
  auto done = run_command(options, kReadyMs);
  if (!done.ok() || !starts_with(done->out, "rclone v1.")) return true;
  const std::string minor =
      done->out.substr(10, done->out.find_first_not_of("0123456789", 10) - 10);
  return parse_decimal(minor).value_or(kFirst) >= kFirst;
}

// In rclone's own words, which end in `log`; `otherwise` where it said none.
Error failed(const std::string& url, const std::string& log, const std::string& otherwise) {
  auto said = read_file(log, 64 << 10);
  ::unlink(log.c_str());
  auto lines = split(std::string(trim(said.ok() ? *said : "")), '\n');
  std::string last = lines.empty() || lines.back().empty() ? otherwise : lines.back();
  return {Code::permanent,
          "rclone cannot mount " + shown_url(url) +
              (last.empty() ? "" : ": " + printable(without_signatures(last).substr(0, 500))),
          "leave mode: mount out, and the data is fetched instead"};
}

}  // namespace

Status can_mount(const std::string& url, const EnvironmentReader& environment) {
  const char* instead = "or leave mode: mount out, and the data is fetched instead";
  BATON_TRY(rclone_remote(url, environment));
  if (!find_program("rclone"))
    return Error{Code::unsupported, "mode: mount needs rclone, which is not installed",
                 std::string("apt-get install rclone, ") + instead};
  Fd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!fuse.valid())
    return Error{Code::unsupported,
                 "mode: mount needs FUSE: " + errno_error(errno, "open /dev/fuse").message,
                 std::string("modprobe fuse, ") + instead};
  if (!find_program("fusermount3") && !find_program("fusermount"))
    return Error{Code::unsupported, "mode: mount needs fusermount, which is not installed",
                 std::string("apt-get install fuse3, ") + instead};
  return {};
}

Result<std::unique_ptr<BucketMount>> mount_bucket(const std::string& url,
                                                  const std::string& directory,
                                                  const EnvironmentReader& environment,
                                                  Clock& clock) {
  BATON_TRY(can_mount(url, environment));
  BATON_ASSIGN(RcloneRemote remote, rclone_remote(url, environment));
  if (remote.identity && !rclone_finds_identities()) {
    auto http = make_http_client();
    BATON_ASSIGN(remote, rclone_remote_by_delegation(url, environment, *http, clock));
  }
  BATON_TRY(make_dirs(directory, 0755));
  const std::string log = directory + ".log";
  BATON_ASSIGN(Fd output, open_file(log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  SpawnOptions options;
  options.argv = {"rclone",      "mount",        "BATON:" + remote.path, directory,
                  "--read-only", "--no-modtime", "--dir-cache-time",     "10m",
                  "--umask",     "022",          "--log-level",          "ERROR"};
  // The program in the container may be another user.
  if (geteuid() == 0) options.argv.push_back("--allow-other");
  options.env = rclone_environment(remote);
  options.stdout_fd = options.stderr_fd = output.get();
  options.new_group = true;
  options.parent_death_signal = SIGTERM;
  BATON_ASSIGN(Child child, spawn(options));
  auto mount = std::make_unique<RcloneMount>(std::move(child), directory);
  const int64_t deadline = clock.mono_ms() + kReadyMs;
  while (mounts_below(directory).empty()) {
    if (mount->child().wait(kLookMs) || clock.mono_ms() > deadline) return failed(url, log, "");
  }
  // A bucket that cannot be read is only found out now.
  auto names = list_dir(directory);
  if (!names.ok()) return failed(url, log, names.error().message);
  return std::unique_ptr<BucketMount>(std::move(mount));
}

Status unmount_below(const std::string& directory) {
  for (const auto& point : mounts_below(directory)) BATON_TRY(unmount(point));
  return {};
}

}  // namespace baton
