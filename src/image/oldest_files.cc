#include "image/oldest_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "os/files.h"

namespace baton {

void remove_oldest_files(const std::string& dir, const std::string& suffix,
                         const std::function<bool(uint64_t bytes, size_t count)>& too_much) {
  struct File {
    std::pair<int64_t, int64_t> modified;  // seconds, nanoseconds
    std::string path;
    uint64_t size;
  };
  auto names = list_dir(dir);
  if (!names.ok()) return;
  std::vector<File> files;
  uint64_t bytes = 0;
  for (const auto& name : *names) {
    struct stat info {};
    std::string path = join_path(dir, name);
    if (!ends_with(name, suffix) || lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      continue;
    files.push_back(
        {{info.st_mtim.tv_sec, info.st_mtim.tv_nsec}, path, static_cast<uint64_t>(info.st_size)});
    bytes += files.back().size;
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.modified < b.modified; });
  size_t count = files.size();
  for (const auto& file : files) {
    if (!too_much(bytes, count)) return;
    if (::unlink(file.path.c_str()) != 0) continue;
    bytes -= file.size;
    --count;
  }
}

}  // namespace baton
