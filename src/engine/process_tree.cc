#include "engine/process_tree.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "os/files.h"

namespace baton {

std::vector<pid_t> descendants(pid_t pid) {
  std::vector<pid_t> found;
  std::string tasks = fmt::format("/proc/{}/task", pid);
  auto threads = list_dir(tasks);
  if (!threads.ok()) return found;
  for (const auto& thread : *threads) {
    auto children = read_file(fmt::format("{}/{}/children", tasks, thread), 1 << 20);
    if (!children.ok()) continue;
    for (const auto& word : split(*children, ' ')) {
      int child = std::atoi(word.c_str());
      if (child <= 0) continue;
      found.push_back(child);
      for (pid_t deeper : descendants(child)) found.push_back(deeper);
    }
  }
  return found;
}

}  // namespace baton
