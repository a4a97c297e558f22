#include "store/dir_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

class TreeLister {
 public:
  TreeLister(int root_fd, const std::string& root_name, const ListOptions& options)
      : root_fd_(root_fd),
        root_name_(root_name),
        options_(options),
        limit_(std::max<size_t>(options.limit, 1)) {}

  // Adds the entries of the directory `prefix` that come after options_.after, in order, until one
  // more than the limit is there.
  Status walk(const std::string& prefix) {
    BATON_ASSIGN(std::vector<std::string> names, read_names(prefix));
    keep_first(names);
    for (const std::string& key : names) {
      if (full()) return {};
      if (key.back() != '/') {
        BATON_TRY(add_file(key));
      } else if (!options_.directories) {
        BATON_TRY(walk(key));
      } else {
        BATON_ASSIGN(bool any, holds_file(key));
        if (any) page_.objects.push_back({key, 0});
      }
    }
    return {};
  }

  ListPage finish() {
    page_.more = page_.objects.size() > limit_;
    if (page_.more) page_.objects.resize(limit_);
    return std::move(page_);
  }

 private:
  bool full() const { return page_.objects.size() > limit_; }

  // Whether a key (a directory's ends with '/') can contribute to what comes after options_.after.
  bool wanted(const std::string& key) const {
    return key > options_.after ||
           (!options_.directories && key.back() == '/' && starts_with(options_.after, key));
  }

  // Sorts what the page can still take to the front and drops the rest. A directory may turn out
  // empty, so only files can be counted on; in the large directories there is nothing else.
  void keep_first(std::vector<std::string>& names) {
    size_t room = limit_ + 1 - page_.objects.size();
    bool files_only = std::none_of(names.begin(), names.end(),
                                   [](const auto& name) { return name.back() == '/'; });
    if (files_only && options_.sizes == false && names.size() > room) {
      std::nth_element(names.begin(), names.begin() + static_cast<ptrdiff_t>(room), names.end());
      names.resize(room);
    }
    std::sort(names.begin(), names.end());
  }

  Status add_file(const std::string& key) {
    struct stat info {};
    if (options_.sizes && fstatat(root_fd_, key.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Status() : errno_error(errno, "list " + join_path(root_name_, key));
    page_.objects.push_back({key, static_cast<uint64_t>(info.st_size)});
    return {};
  }

  // Wanted names in `prefix`, unsorted, as keys; those of directories end with '/'.
  Result<std::vector<std::string>> read_names(const std::string& prefix) {
    std::vector<std::string> names;
    Status status = each_name(prefix, [&](std::string key) {
      if (wanted(key)) names.push_back(std::move(key));
      return true;
    });
    if (!status.ok()) return status.error();
    return names;
  }

  // A directory without files has no keys below it: a bucket would not show it either.
  Result<bool> holds_file(const std::string& prefix) {
    bool found = false;
    std::vector<std::string> below;
    BATON_TRY(each_name(prefix, [&](std::string key) {
      if (key.back() == '/')
        below.push_back(std::move(key));
      else
        found = true;
      return !found;
    }));
    for (size_t i = 0; i < below.size() && !found; ++i) {
      BATON_ASSIGN(found, holds_file(below[i]));
    }
    return found;
  }

  template <class Each>
  Status each_name(const std::string& prefix, Each each) {
    Fd fd(openat(root_fd_, prefix.empty() ? "." : prefix.c_str(),
                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return {};
      return errno_error(errno, "list " + join_path(root_name_, prefix));
    }
    std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(fd.get()), closedir);
    if (!dir) return errno_error(errno, "list " + join_path(root_name_, prefix));
    (void)fd.release();  // closedir() closes it
    errno = 0;
    while (dirent* entry = readdir(dir.get())) {
      std::string key = key_of(prefix, *entry, dirfd(dir.get()));
      if (!key.empty() && !each(std::move(key))) return {};
      errno = 0;
    }
    return errno == 0 ? Status()
                      : Status(errno_error(errno, "list " + join_path(root_name_, prefix)));
  }

  // "" for what is no key.
  static std::string key_of(const std::string& prefix, const dirent& entry, int dir_fd) {
    std::string key = prefix + entry.d_name;
    unsigned char type = entry.d_type;
    if (type == DT_UNKNOWN) {  // some filesystems do not tell
      struct stat info {};
      if (fstatat(dir_fd, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return "";
      type = IFTODT(info.st_mode);
    }
    if ((type != DT_REG && type != DT_DIR) || !valid_key(key)) return "";
    if (type == DT_DIR) key += '/';
    return key;
  }

  const int root_fd_;
  const std::string& root_name_;
  const ListOptions& options_;
  const size_t limit_;
  ListPage page_;
};

}  // namespace

Result<ListPage> list_tree(int root_fd, const std::string& root_name, const std::string& prefix,
                           const ListOptions& options) {
  TreeLister lister(root_fd, root_name, options);
  BATON_TRY(lister.walk(prefix));
  return lister.finish();
}

}  // namespace baton
