#include "image/deb_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "os/files.h"

namespace baton {

void tidy_deb_cache(const std::string& dir, uint64_t limit) {
  struct File {
    std::string path;
    int64_t used_s;
    uint64_t size;
  };
  auto names = list_dir(dir);
  if (!names.ok()) return;
  std::vector<File> files;
  uint64_t total = 0;
  for (const auto& name : *names) {
    struct stat info {};
    std::string path = join_path(dir, name);
    if (!ends_with(name, ".deb") || lstat(path.c_str(), &info) != 0) continue;
    files.push_back({path, info.st_mtim.tv_sec, static_cast<uint64_t>(info.st_size)});
    total += files.back().size;
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.used_s < b.used_s; });
  for (const auto& file : files) {
    if (total <= limit) return;
    if (::unlink(file.path.c_str()) == 0) total -= file.size;
  }
}

}  // namespace baton
