#include "agent/deliver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/ids.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

namespace fs = std::filesystem;

// A link is harmless when it is relative and never climbs above the results.
bool stays_inside(const fs::path& link_dir, const fs::path& target) {
  if (target.is_absolute()) return false;
  int depth = 0;
  for (const auto& part : link_dir)
    if (part != ".") ++depth;
  for (const auto& part : target) {
    if (part == "..")
      --depth;
    else if (part != "." && !part.empty())
      ++depth;
    if (depth < 0) return false;
  }
  return true;
}

void drop_outside_links(const fs::path& root, std::vector<std::string>& left_out) {
  std::error_code error;
  std::vector<fs::path> outside;
  for (auto it = fs::recursive_directory_iterator(root, fs::directory_options::none, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_symlink(error)) continue;
    fs::path target = fs::read_symlink(it->path(), error);
    if (!stays_inside(it->path().lexically_relative(root).parent_path(), target))
      outside.push_back(it->path());
  }
  for (const auto& path : outside) {
    fs::remove(path, error);
    left_out.push_back(printable(path.lexically_relative(root).string()));
  }
}

Status move_tree(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV) return errno_error(errno, "deliver results to " + to);
  std::string partial = to + ".partial-" + random_base32(4);
  std::error_code error;
  fs::copy(from, partial, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (!error && rename(partial.c_str(), to.c_str()) != 0)
    error = std::error_code(errno, std::generic_category());
  if (!error) return {};
  Status ignored = remove_tree(partial);  // the copy that failed; the original is untouched
  (void)ignored;
  return errno_error(error.value(), "deliver results to " + to);
}

Status move_aside(const std::string& path) {
  for (int n = 1; n < 10'000; ++n) {
    std::string aside = fmt::format("{}.{}", path, n);
    if (renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0)
      return {};
    if (errno == EINVAL && !exists(aside) && rename(path.c_str(), aside.c_str()) == 0)
      return {};  // no renameat2 here
    if (errno != EEXIST && errno != EINVAL) return errno_error(errno, "move aside " + path);
  }
  return Error{Code::exists, path + " exists already", "move it away"};
}

void point_latest(const std::string& results, const std::string& job) {
  std::string latest = results + "/latest";
  struct stat info {};
  if (lstat(latest.c_str(), &info) == 0 && !S_ISLNK(info.st_mode)) return;
  std::string temporary = latest + ".tmp-" + random_base32(6);
  if (symlink(job.c_str(), temporary.c_str()) == 0 &&
      rename(temporary.c_str(), latest.c_str()) != 0)
    unlink(temporary.c_str());
}

}  // namespace

Result<Delivered> deliver(const std::string& from, const std::string& results,
                          const std::string& job) {
  Delivered delivered;
  drop_outside_links(from, delivered.left_out);
  BATON_ASSIGN(auto names, list_dir(from));
  if (names.empty()) return delivered;
  BATON_TRY(make_dirs(results));
  std::string to = results + "/" + job;
  if (exists(to)) BATON_TRY(move_aside(to));
  BATON_TRY(move_tree(from, to));
  chmod(to.c_str(), 0755);
  point_latest(results, job);
  delivered.path = to;
  return delivered;
}

}  // namespace baton
