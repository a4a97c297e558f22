#include "os/sync.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "os/files.h"

namespace baton {

Status sync_filesystem(const std::string& path) {
  BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  if (syncfs(fd.get()) != 0) return errno_error(errno, "write " + path + " to disk");
  return {};
}

}  // namespace baton
