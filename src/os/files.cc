#include "os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/ids.h"

namespace baton {

Error errno_error(int error_number, const std::string& doing) {
  std::string message = fmt::format("cannot {}: {}", doing, std::strerror(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {Code::not_found, message, ""};
    case EEXIST:
      return {Code::exists, message, ""};
    case EACCES:
    case EPERM:
      return {Code::denied, message, "check the owner and the mode with ls -ld"};
    case EROFS:
      return {Code::denied, message, "the filesystem is mounted read-only; choose another place"};
    case ENOSPC:
    case EDQUOT:
      return {Code::no_space, message, "free some space (df -h shows where) and resume"};
    case EINTR:
    case EAGAIN:
    case EBUSY:
      return {Code::transient, message, ""};
    case EMFILE:
    case ENFILE:
      return {Code::transient, message, "too many open files: raise the limit with ulimit -n"};
    default:
      return {Code::permanent, message, ""};
  }
}

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return errno_error(errno, "open " + path);
  return Fd(fd);
}

Result<std::string> read_file(const std::string& path, uint64_t limit) {
  BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY));
  std::string bytes;
  struct stat info {};
  if (fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
    bytes.reserve(std::min<uint64_t>(static_cast<uint64_t>(info.st_size) + 1, limit + 1));
  char buffer[65536];
  while (true) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read " + path);
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(n));
    if (bytes.size() > limit)
      return Error{Code::invalid, fmt::format("{} is larger than {} bytes", path, limit), ""};
  }
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "write " + path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<size_t> read_at(int fd, char* buffer, size_t size, uint64_t offset,
                       const std::string& path) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = ::pread(fd, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read " + path);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Status replace_file(const std::string& path, std::string_view bytes, bool durable, mode_t mode) {
  // Not mkostemp(), whose mode would have to be changed by the umask, which no thread can read
  // without changing it for all.
  const std::string temporary = path + ".tmp-" + random_base32(10);
  Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) return errno_error(errno, "write " + path);
  Status status = write_all(fd.get(), bytes, path);
  if (status.ok() && durable && fsync(fd.get()) != 0) status = errno_error(errno, "sync " + path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    status = errno_error(errno, "replace " + path);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return durable ? sync_dir(parent_path(path)) : Status();
}

Status make_dirs(const std::string& path, mode_t mode) {
  if (path.empty() || mkdir(path.c_str(), mode) == 0 || (errno == EEXIST && is_directory(path)))
    return {};
  if (errno == EEXIST)
    return Error{Code::exists, path + " exists and is not a directory", "remove or rename it"};
  if (errno != ENOENT) return errno_error(errno, "create directory " + path);
  std::string parent = parent_path(path);
  if (parent == path) return errno_error(ENOENT, "create directory " + path);
  BATON_TRY(make_dirs(parent, mode));
  if (mkdir(path.c_str(), mode) != 0 && !(errno == EEXIST && is_directory(path)))
    return errno_error(errno, "create directory " + path);
  return {};
}

Status sync_dir(const std::string& path) {
  BATON_ASSIGN(Fd fd, open_file(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
  // Some network filesystems refuse fsync on directories with EINVAL; their renames are
  // synchronous.
  if (fsync(fd.get()) != 0 && errno != EINVAL) return errno_error(errno, "sync directory " + path);
  return {};
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool is_directory(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<std::vector<std::string>> list_dir(const std::string& path) {
  DIR* stream = opendir(path.c_str());
  if (!stream) return errno_error(errno, "list " + path);
  std::vector<std::string> names;
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::string join_path(std::string_view a, std::string_view b) {
  if (a.empty() || (!b.empty() && b.front() == '/')) return std::string(b);
  if (b.empty()) return std::string(a);
  std::string path(a);
  if (path.back() != '/') path += '/';
  return path.append(b);
}

std::string parent_path(std::string_view path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  size_t slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  std::string normal = std::filesystem::absolute(path, ignored).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

Result<TempDir> TempDir::create(const std::string& prefix, const std::string& parent) {
  const char* tmp = std::getenv("TMPDIR");
  std::string name = join_path(!parent.empty() ? parent
                               : tmp && *tmp   ? tmp
                                               : "/tmp",
                               prefix + "-XXXXXX");
  if (!mkdtemp(name.data())) return errno_error(errno, "create directory " + name);
  return TempDir(name);
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  Status ignored = remove_tree(path_);  // what stays behind is in a temporary directory
  (void)ignored;
}

}  // namespace baton
