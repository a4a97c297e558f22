#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "net/deadline.h"
#include "notice/notice.h"
#include "notice/watcher.h"
#include "os/fd.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr int64_t kForeverMs = 3'600'000;
constexpr size_t kMaxContent = 64 << 10;
constexpr size_t kMaxReason = 200;
constexpr int64_t kMaxDeadlineMs = 86'400'000;

bool present(const std::string& path) {
  struct stat ignored {};
  return lstat(path.c_str(), &ignored) == 0;
}

// Filesystems on which another machine's changes raise no event here (statfs(2) and linux/magic.h:
// NFS, SMB, SMB2, CIFS, FUSE, 9P, Ceph, Lustre, GPFS, AFS).
bool is_remote(const std::string& directory) {
  constexpr std::array<uint32_t, 10> kRemote = {0x6969,     0x517b,     0xfe534d42, 0xff534d42,
                                                0x65735546, 0x01021997, 0x00c36400, 0x0bd00bd0,
                                                0x47504653, 0x5346414f};
  struct statfs info {};
  if (statfs(directory.c_str(), &info) != 0) return true;
  return std::find(kRemote.begin(), kRemote.end(), static_cast<uint32_t>(info.f_type)) !=
         kRemote.end();
}

// inotify on the file's directory; invalid where that cannot tell of the file's appearance.
Fd watch_directory(const std::string& directory) {
  if (is_remote(directory)) return Fd();
  Fd fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  constexpr uint32_t kEvents =
      IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  if (fd.valid() && inotify_add_watch(fd.get(), directory.c_str(), kEvents) < 0) fd.reset();
  return fd;
}

// Waits for something to happen in the directory; false when its watch is of no further use.
bool wait_for_event(int inotify, int64_t timeout_ms, const Cancel& cancel) {
  if (wait_fd(inotify, POLLIN, Deadline::in_ms(timeout_ms), &cancel) != Wait::ready) return true;
  alignas(inotify_event) char buffer[4096];
  ssize_t n = read(inotify, buffer, sizeof buffer);
  for (ssize_t at = 0; at < n;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) return false;
    at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
  }
  return true;
}

// What the file holds; "" where it is no plain file or cannot be read, which is a notice all the
// same.
std::string content_of(const std::string& path) {
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  struct stat info {};
  if (!fd.ok() || fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  std::string text(kMaxContent, '\0');
  auto n = read_at(fd->get(), text.data(), text.size(), 0, path);
  text.resize(n.ok() ? *n : 0);
  return text;
}

class FileNotice : public NoticeSource {
 public:
  FileNotice(std::string path, Clock& clock, const WatchTimes& times)
      : path_(std::move(path)), clock_(clock), times_(times) {}

  std::string name() const override { return "file"; }

  bool start(NoticeSink sink) override {
    return thread_.start([this, sink = std::move(sink)](const Cancel& cancel) {
      if (wait_for_file(cancel)) sink(read_notice(cancel));
    });
  }

 private:
  // False when cancelled.
  bool wait_for_file(const Cancel& cancel) const {
    // Giving an inotify descriptor back takes the kernel some 20 ms: what ends soon does without.
    for (int64_t age = 0; age < times_.file_young && !cancel.is_set(); age += times_.file_poll) {
      if (present(path_)) return true;
      cancel.wait_ms(times_.file_poll);
    }
    std::string directory = parent_path(path_);
    Fd inotify;
    while (!cancel.is_set()) {
      if (!inotify.valid()) inotify = watch_directory(directory);
      // Looked at after the watch is set, so that nothing slips in between.
      if (present(path_)) return true;
      if (!inotify.valid())
        cancel.wait_ms(times_.file_poll);
      else if (!wait_for_event(inotify.get(), kForeverMs, cancel))
        inotify.reset();
    }
    return false;
  }

  Notice read_notice(const Cancel& cancel) const {
    std::string content = content_of(path_);
    if (content.empty()) {
      // Written in place, not renamed into place: give the writer a moment.
      cancel.wait_ms(times_.file_poll);
      content = content_of(path_);
    }
    Notice notice;
    notice.source = "file";
    notice.id = "file";
    notice.reason = "asked for";
    auto json = parse_json(content, path_);
    if (!json.ok()) return notice;
    int64_t left = get_int(*json, "deadline_ms", -1);
    if (left >= 0) notice.deadline_mono_ms = clock_.mono_ms() + std::min(left, kMaxDeadlineMs);
    std::string reason = printable(get_string(*json, "reason").substr(0, kMaxReason));
    if (!reason.empty()) notice.reason = reason;
    return notice;
  }

  std::string path_;
  Clock& clock_;
  WatchTimes times_;
  WatchThread thread_;
};

}  // namespace

std::unique_ptr<NoticeSource> make_file_notice(const std::string& path, Clock& clock,
                                               const WatchTimes& times) {
  return std::make_unique<FileNotice>(path, clock, times);
}

}  // namespace baton
