#include "agent/deliver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/outward_links.h"
#include "ledger/tree_copy.h"
#include "os/files.h"

namespace baton {
namespace {

namespace fs = std::filesystem;

// Leaves nothing in the tree that is not a file, a directory or a link within it, and no mode that
// gives somebody else the rights of a file's owner: on this machine that may be root.
Status leave_plain_files(const fs::path& root, std::vector<std::string>& left_out) {
  std::error_code error;
  std::vector<fs::path> special;
  std::map<std::string, std::string> links;
  for (auto it = fs::recursive_directory_iterator(root, fs::directory_options::none, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const fs::file_status status = it->symlink_status(error);
    if (error) break;
    if (fs::is_symlink(status))
      links[it->path().lexically_relative(root)] = fs::read_symlink(it->path(), error);
    else if (!fs::is_regular_file(status) && !fs::is_directory(status))
      special.push_back(it->path());
    else if ((status.permissions() & ~fs::perms::all) != fs::perms::none)
      fs::permissions(it->path(), status.permissions() & fs::perms::all,
                      fs::perm_options::replace | fs::perm_options::nofollow, error);
  }
  for (const auto& path : special)
    if (!error) fs::remove(path, error);
  for (const auto& path : outward_links(links)) {
    if (!error) fs::remove(root / path, error);
    left_out.push_back(path);
  }
  if (error) return errno_error(error.value(), "look through the results in " + root.string());
  return {};
}

Status move_tree(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV) return errno_error(errno, "deliver results to " + to);
  const std::string partial = to + ".partial-" + random_base32(4);
  Status copied = copy_tree(from, partial);
  if (copied.ok() && rename(partial.c_str(), to.c_str()) == 0) return {};
  if (copied.ok()) copied = errno_error(errno, "deliver results to " + to);
  Status ignored = remove_tree(partial);  // the copy that failed; the original is untouched
  (void)ignored;
  return copied;
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
  BATON_TRY(leave_plain_files(from, delivered.left_out));
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
