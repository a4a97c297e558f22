// Files, with errors that name the path and say what to do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace baton {

// The Error for a failed system call: errno classified, "cannot open /x: Permission denied", a hint
// where one is known.
Error errno_error(int error_number, const std::string& doing);

// Opens with O_CLOEXEC.
Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0666);
// Opens a file of which `limit` bytes at most are read; a longer one is Code::invalid.
Result<std::string> read_file(const std::string& path, uint64_t limit = 64 << 20);
// Writes all of `bytes`, retrying short writes and EINTR.
Status write_all(int fd, std::string_view bytes, const std::string& path);
// Reads up to `size` bytes at `offset` (fewer only at the end of the file).
Result<size_t> read_at(int fd, char* buffer, size_t size, uint64_t offset, const std::string& path);

// Creates or replaces `path` so that a crash leaves the old or the new content: temporary name,
// (fsync when `durable`), rename.
Status replace_file(const std::string& path, std::string_view bytes, bool durable,
                    mode_t mode = 0666);
// mkdir -p. New directories get `mode`.
Status make_dirs(const std::string& path, mode_t mode = 0777);
// rm -rf; never follows symlinks, never leaves the filesystem it started on. Absent is success.
Status remove_tree(const std::string& path);
// fsync(2) of a directory, so that names in it are durable.
Status sync_dir(const std::string& path);

bool exists(const std::string& path);
bool is_directory(const std::string& path);
// Names in a directory without "." and "..", sorted bytewise.
Result<std::vector<std::string>> list_dir(const std::string& path);

std::string join_path(std::string_view a, std::string_view b);
std::string parent_path(std::string_view path);
std::string base_name(std::string_view path);
// Absolute and lexically normal; does not resolve symlinks.
std::string absolute_path(const std::string& path);

// A directory of its own under $TMPDIR (default /tmp), removed with the object.
class TempDir {
 public:
  static Result<TempDir> create(const std::string& prefix, const std::string& parent = "");
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace baton
