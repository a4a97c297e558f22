#include "control/provenance.h"

#include "base/text.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr int64_t kPatienceMs = 2'000;

bool in_work_tree(std::string directory) {
  while (!exists(join_path(directory, ".git"))) {
    if (directory == "/") return false;
    directory = parent_path(directory);
  }
  return true;
}

Result<Output> git(const std::string& directory, const std::vector<std::string>& words) {
  SpawnOptions options;
  // Neither locks nor hooks: looking must not disturb the user's own git.
  options.argv = {"git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", directory};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  return run_command(options, kPatienceMs);
}

}  // namespace

Json git_state(const std::string& directory) {
  if (!in_work_tree(directory)) return nullptr;
  auto head = git(directory, {"rev-parse", "--verify", "HEAD"});
  if (!head || !head->status.success()) return nullptr;
  Json state{{"commit", std::string(trim(head->out))}};
  auto changes = git(directory, {"status", "--porcelain", "--untracked-files=normal", "--", "."});
  if (changes && changes->status.success()) state["dirty"] = !changes->out.empty();
  return state;
}

}  // namespace baton
