#include "agent/cached_tree.h"

#include <cerrno>
#include <cstdio>

#include "os/files.h"
#include "os/sync.h"

namespace baton {

Result<std::string> cached_tree(const std::string& home, const std::string& kind,
                                const std::string& hash,
                                const std::function<Status(const std::string& path)>& fill) {
  const std::string cache = home + "/cache/" + kind, place = cache + "/" + hash;
  if (is_directory(place)) return place;
  BATON_TRY(make_dirs(cache, 0755));
  BATON_ASSIGN(TempDir temporary, TempDir::create("unpacking", cache));
  const std::string tree = temporary.path() + "/tree";
  BATON_TRY(fill(tree));
  BATON_TRY(sync_filesystem(tree));
  if (rename(tree.c_str(), place.c_str()) != 0 && !is_directory(place))
    return errno_error(errno, "create " + place);
  return place;
}

}  // namespace baton
