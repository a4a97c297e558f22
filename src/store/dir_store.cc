// Objects as files below one directory; a key is a path.
//
// Every object is written to tmp/<nonce> first and linked to its name when it is whole, so a reader
// never sees a part of one, and link(2) lets exactly one of several writers have the name, on
// shared filesystems too. Durable means: the file's fsync before the link, then the directory's,
// then those of directories made on the way. An empty object (a marker) is made by open(2) alone.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <set>

#include "base/ids.h"
#include "os/files.h"
#include "store/dir_list.h"
#include "store/store.h"

namespace baton {
namespace {

constexpr time_t kStaleTemporarySeconds = 24 * 3600;
// A remover may take away an emptied directory just when a writer wants to link into it; the writer
// makes it again.
constexpr int kLinkTries = 100;

class DirStore : public ObjectStore {
 public:
  DirStore(std::string path, const DirStoreOptions& options)
      : path_(std::move(path)), durable_(options.durable) {}

  // Fails when `path` can never hold a store; an absent directory is none yet.
  Status open() {
    BATON_ASSIGN(bool there, open_root());
    if (there) sweep();
    return {};
  }

  Status create(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    BATON_TRY(make_root());
    if (bytes.empty()) return create_empty(key);
    const bool deferred = deferring_ && key.find("/blobs/") != std::string::npos;
    const bool sync = durable_ && !deferred;
    BATON_ASSIGN(Temporary file, write_temporary(bytes, sync));
    std::set<std::string> made;  // directories with new names in them
    Status linked = link_into_place(file.name, key, made);
    if (linked.is(Code::unsupported)) forget_attempt(file);
    // What somebody else has just linked may not be durable yet, and the caller is going to rely on
    // it.
    if (linked.is(Code::exists) && sync) BATON_TRY(sync_directory(parent_path(key)));
    BATON_TRY(linked);
    if (!durable_) return {};
    made.insert(parent_path(key));
    if (!deferred) return sync_directories(made);
    std::lock_guard lock(mutex_);
    unsynced_.push_back(key);
    unsynced_directories_.merge(made);
    return {};
  }

  Status put(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    BATON_TRY(make_root());
    BATON_ASSIGN(Temporary file, write_temporary(bytes, /*sync=*/false));
    std::set<std::string> made;
    for (int i = 0; i < kLinkTries; ++i) {
      if (renameat(root_.get(), file.name.c_str(), root_.get(), key.c_str()) == 0) return {};
      if (errno != ENOENT) break;
      BATON_TRY(make_parents(key, made));
    }
    return failed("write", key);
  }

  Result<std::string> get(const std::string& key, uint64_t limit) override {
    BATON_ASSIGN(Opened file, open_object(key));
    if (file.size > limit)
      return Error{Code::invalid, fmt::format("{} is larger than {} bytes", full(key), limit), ""};
    return read(file, key, 0, file.size);
  }

  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    BATON_ASSIGN(Opened file, open_object(key));
    if (offset >= file.size) return std::string();
    return read(file, key, offset, std::min(size, file.size - offset));
  }

  Result<size_t> read_into(const std::string& key, char* to, size_t size) override {
    BATON_ASSIGN(Opened file, open_object(key));
    if (file.size > size)
      return Error{Code::invalid, fmt::format("{} is larger than {} bytes", full(key), size), ""};
    return read_whole(file.fd.get(), to, file.size, full(key));
  }

  void will_read(const std::string& key) override {
    auto file = open_object(key);
    if (file.ok()) fetch_ahead(file->fd.get());
  }

  Result<ObjectInfo> head(const std::string& key) override {
    BATON_TRY(check_key(key));
    struct stat info {};
    BATON_ASSIGN(bool there, open_root());
    if (!there) return absent(key);
    if (fstatat(root_.get(), key.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return failed("read", key);
    if (!S_ISREG(info.st_mode)) return absent(key);
    return ObjectInfo{key, static_cast<uint64_t>(info.st_size)};
  }

  // Not made durable: an object that comes back after a crash is removed again by whoever wanted it
  // gone.
  Status remove(const std::string& key) override {
    BATON_TRY(check_key(key));
    BATON_ASSIGN(bool there, open_root());
    if (!there) return {};
    if (unlinkat(root_.get(), key.c_str(), 0) != 0 && errno != ENOENT && errno != ENOTDIR &&
        errno != EISDIR)
      return failed("remove", key);
    // Directories that hold nothing have no meaning; those at the top are kept, for they fill again
    // at once.
    for (std::string dir = parent_path(key); dir.find('/') != std::string::npos;
         dir = parent_path(dir))
      if (unlinkat(root_.get(), dir.c_str(), AT_REMOVEDIR) != 0) break;
    return {};
  }

  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    BATON_TRY(check_prefix(prefix));
    BATON_ASSIGN(bool there, open_root());
    if (!there) return ListPage{};
    return list_tree(root_.get(), path_, prefix, options);
  }

  void defer_sync(bool on) override { deferring_ = on; }

  Status flush() override {
    std::vector<std::string> keys;
    std::set<std::string> directories;
    {
      std::lock_guard lock(mutex_);
      keys.swap(unsynced_);
      directories.swap(unsynced_directories_);
    }
    Status status;
    for (size_t i = 0; i < keys.size() && status.ok(); ++i) status = sync_file(keys[i]);
    if (status.ok()) status = sync_directories(directories);
    // The kernel reports a failed write only once: these files must not be taken for good by a
    // later create().
    if (!status.ok())
      for (const std::string& key : keys) unlinkat(root_.get(), key.c_str(), 0);
    return status;
  }

  std::string name() const override { return path_; }

 private:
  // Removes its file unless it was renamed away.
  struct Temporary {
    Temporary(int root, std::string file_name) : root_fd(root), name(std::move(file_name)) {}
    Temporary(Temporary&& other) noexcept
        : root_fd(std::exchange(other.root_fd, -1)), name(std::move(other.name)) {}
    Temporary& operator=(Temporary&& other) noexcept {
      std::swap(root_fd, other.root_fd);
      std::swap(name, other.name);
      return *this;
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() {
      if (root_fd >= 0) unlinkat(root_fd, name.c_str(), 0);
    }
    int root_fd;
    std::string name;
  };
  struct Opened {
    Fd fd;
    uint64_t size = 0;
  };

  std::string full(const std::string& key) const { return join_path(path_, key); }
  Error absent(const std::string& key) const {
    return {Code::not_found, "no object " + full(key), ""};
  }
  // The error for errno.
  Error failed(const std::string& verb, const std::string& key) const {
    if (errno == ENOENT || errno == ENOTDIR) return absent(key);
    return errno_error(errno, verb + " " + full(key));
  }

  // Opens the directory if it is there; somebody else may make it at any time.
  Result<bool> open_root() {
    if (open_) return true;
    std::lock_guard lock(mutex_);
    if (open_) return true;
    root_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    open_ = root_.valid();
    if (open_) return true;
    if (errno == ENOENT) return false;
    if (errno == ENOTDIR)
      return Error{Code::invalid, path_ + " is a file, not a directory that can hold a store", ""};
    return errno_error(errno, "open the store " + path_);
  }

  Status make_root() {
    BATON_ASSIGN(bool there, open_root());
    if (there) return {};
    BATON_TRY(make_dirs(path_, 0700));
    made_root_ = true;
    BATON_ASSIGN(there, open_root());
    return there ? Status() : Status(absent(""));
  }

  Result<Temporary> write_temporary(std::string_view bytes, bool sync) {
    std::string name = "tmp/" + new_nonce();
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    Fd fd(openat(root_.get(), name.c_str(), kFlags, 0666));
    if (!fd.valid() && errno == ENOENT) {
      if (mkdirat(root_.get(), "tmp", 0777) != 0 && errno != EEXIST)
        return errno_error(errno, "write to the store " + path_);
      fd.reset(openat(root_.get(), name.c_str(), kFlags, 0666));
    }
    if (!fd.valid()) return errno_error(errno, "write to the store " + path_);
    Temporary file(root_.get(), std::move(name));
    BATON_TRY(write_new(fd.get(), bytes, full(file.name)));
    if (sync && fsync(fd.get()) != 0) return errno_error(errno, "write " + full(file.name));
    // Deferred: start the writing now, so that flush() finds little left to wait for.
    if (!sync && durable_ && deferring_)
      (void)sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    return file;
  }

  // An empty object is nothing but its name: O_EXCL makes it whole, and its directory makes it
  // durable.
  Status create_empty(const std::string& key) {
    std::set<std::string> made{parent_path(key)};
    for (int i = 0; i < kLinkTries; ++i) {
      constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
      Fd fd(openat(root_.get(), key.c_str(), kFlags, 0666));
      if (fd.valid()) return durable_ ? sync_directories(made) : Status();
      if (errno == EEXIST) {
        if (durable_) BATON_TRY(sync_directory(parent_path(key)));
        return Error{Code::exists, full(key) + " exists already", ""};
      }
      if (errno != ENOENT) return failed("write", key);
      BATON_TRY(make_parents(key, made));
    }
    return Error{Code::transient, "the directories of " + full(key) + " keep vanishing", ""};
  }

  Status link_into_place(const std::string& from, const std::string& key,
                         std::set<std::string>& made) {
    for (int i = 0; i < kLinkTries; ++i) {
      if (linkat(root_.get(), from.c_str(), root_.get(), key.c_str(), 0) == 0) return {};
      if (errno == EEXIST) return Error{Code::exists, full(key) + " exists already", ""};
      if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
        return Error{Code::unsupported,
                     path_ +
                         " is on a filesystem without hard links, where two machines could take "
                         "the same job",
                     "put the store on ext4, xfs, btrfs, zfs, tmpfs or NFS"};
      if (errno != ENOENT) break;
      BATON_TRY(make_parents(key, made));
    }
    return errno == ENOENT
               ? Error{Code::transient, "the directories of " + full(key) + " keep vanishing", ""}
               : failed("write", key);
  }

  // Makes the directories above `key`; `made` gets those that have a new name in them ("." is the
  // root).
  Status make_parents(const std::string& key, std::set<std::string>& made) {
    for (size_t slash = key.find('/'); slash != std::string::npos;
         slash = key.find('/', slash + 1)) {
      std::string dir = key.substr(0, slash);
      if (mkdirat(root_.get(), dir.c_str(), 0777) == 0)
        made.insert(parent_path(dir));
      else if (errno != EEXIST)
        return errno == ENOENT
                   ? Status()
                   : Status(errno_error(errno, "make " + full(dir)));  // removed meanwhile
    }
    return {};
  }

  // On a filesystem that cannot hold a store, leaves nothing behind.
  void forget_attempt(Temporary& file) {
    unlinkat(root_.get(), file.name.c_str(), 0);
    unlinkat(root_.get(), "tmp", AT_REMOVEDIR);
    if (made_root_) rmdir(path_.c_str());
  }

  Result<Opened> open_object(const std::string& key) {
    BATON_TRY(check_key(key));
    BATON_ASSIGN(bool there, open_root());
    if (!there) return absent(key);
    Opened file{
        Fd(openat(root_.get(), key.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)), 0};
    if (!file.fd.valid()) return errno == ELOOP ? absent(key) : failed("read", key);
    struct stat info {};
    if (fstat(file.fd.get(), &info) != 0) return failed("read", key);
    if (!S_ISREG(info.st_mode)) return absent(key);
    file.size = static_cast<uint64_t>(info.st_size);
    return file;
  }

  Result<std::string> read(const Opened& file, const std::string& key, uint64_t offset,
                           uint64_t size) {
    std::string bytes(size, '\0');
    BATON_ASSIGN(size_t got, read_at(file.fd.get(), bytes.data(), bytes.size(), offset, full(key)));
    bytes.resize(got);
    return bytes;
  }

  Status sync_file(const std::string& key) {
    Fd fd(openat(root_.get(), key.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return {};  // removed since
    if (!fd.valid() || fsync(fd.get()) != 0) return errno_error(errno, "write " + full(key));
    return {};
  }

  Status sync_directories(const std::set<std::string>& directories) {
    for (const std::string& directory : directories) BATON_TRY(sync_directory(directory));
    return {};
  }

  Status sync_directory(const std::string& directory) {
    Fd fd(openat(root_.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return {};  // emptied and removed since
    // EINVAL: some network filesystems refuse fsync on directories; their links are synchronous.
    if (fd.valid() && (fsync(fd.get()) == 0 || errno == EINVAL)) return {};
    return errno_error(errno, "write " + full(directory));
  }

  // Removes temporary files that a crash left long ago. Should one of them still be written, its
  // writer gets an error.
  void sweep() {
    Fd tmp(openat(root_.get(), "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!tmp.valid()) return;
    auto names = list_dir(full("tmp"));
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; names.ok() && i < names->size(); ++i) {
      struct stat info {};
      const char* name = (*names)[i].c_str();
      if (fstatat(tmp.get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
          now.tv_sec - info.st_mtime > kStaleTemporarySeconds)
        unlinkat(tmp.get(), name, 0);
    }
  }

  const std::string path_;
  const bool durable_;
  std::atomic<bool> open_{false};
  std::atomic<bool> deferring_{false};
  std::atomic<bool> made_root_{false};
  Fd root_;  // set before open_, never changed after
  std::mutex mutex_;
  std::vector<std::string> unsynced_;
  std::set<std::string> unsynced_directories_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_dir_store(const std::string& path,
                                                    const DirStoreOptions& options) {
  auto store = std::make_unique<DirStore>(absolute_path(path), options);
  BATON_TRY(store->open());
  return std::unique_ptr<ObjectStore>(std::move(store));
}

}  // namespace baton
