#include "store/data_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "os/file_lock.h"
#include "os/files.h"
#include "os/process.h"
#include "os/sync.h"

namespace baton {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLookAgainMs = 200;
constexpr uint64_t kSpare = 64 << 20;  // of the disk, for everything else

// Calls `each` for every regular file below `root`; what vanishes meanwhile is passed over.
void for_each_file(const std::string& root,
                   const std::function<void(const std::string& path, const struct stat&)>& each) {
  std::error_code error;
  auto options = fs::directory_options::skip_permission_denied;
  for (auto it = fs::recursive_directory_iterator(root, options, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    struct stat info {};
    const std::string path = it->path().string();
    if (lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) each(path, info);
  }
}

Result<std::string> sha256_of_file(const std::string& path) {
  BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  std::vector<char> buffer(1 << 20);
  Sha256 hash;
  for (uint64_t at = 0;;) {
    BATON_ASSIGN(size_t got, read_at(fd.get(), buffer.data(), buffer.size(), at, path));
    if (got == 0) return hash.finish_hex();
    hash.update({buffer.data(), got});
    at += got;
  }
}

// What another boot of the machine left was perhaps never written to the disk.
Status begin_building(const std::string& building) {
  const std::string marker = building + "/boot", boot = boot_id();
  auto seen = read_file(marker, 256);
  if (!boot.empty() && seen.ok() && *seen == boot) return {};
  BATON_TRY(remove_tree(building));
  BATON_TRY(make_dirs(building, 0755));
  return replace_file(marker, boot, false);
}

// Of all files below `root`, each counted once.
uint64_t disk_usage(const std::string& root) {
  std::set<ino_t> seen;
  uint64_t sum = 0;
  for_each_file(root, [&](const std::string&, const struct stat& info) {
    if (info.st_nlink > 1 && !seen.insert(info.st_ino).second) return;
    sum += static_cast<uint64_t>(info.st_blocks) * 512;
  });
  return sum;
}

// Bytes that a tree being fetched is going to take on the disk, as its file `wanted` tells.
uint64_t wanted_bytes(const std::string& building) {
  auto text = read_file(building + "/wanted", 64);
  return text.ok() ? parse_decimal(trim(*text)).value_or(0) : 0;
}

uint64_t free_bytes(const std::string& dir) {
  struct statvfs space {};
  if (statvfs(dir.c_str(), &space) != 0) return UINT64_MAX;
  uint64_t bytes = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  return bytes > kSpare ? bytes - kSpare : 0;
}

}  // namespace

std::string data_id(const std::string& identity, const std::string& digest,
                    const std::string& sha256) {
  return sha256_hex(identity + "\n" + digest + "\n" + sha256);
}

std::string DataCache::place(const std::string& id) const { return join_path(dir_, id); }

std::string DataCache::link_path(const DataSource& source, const DataFile& file) const {
  std::string hash = sha256_hex(source.identity + "\n" + data_line(file));
  return fmt::format("{}/files/{}/{}", dir_, hash.substr(0, 2), hash);
}

Result<std::optional<StagedData>> DataCache::find(const std::string& id) {
  auto lock = try_lock_file(place(id) + ".lock", LockMode::shared);
  if (lock.is(Code::not_found) || lock.is(Code::exists)) return std::optional<StagedData>();
  if (!lock.ok()) return lock.error();
  std::string data = place(id) + "/data";
  if (!exists(data)) return std::optional<StagedData>();
  // Only a hint for whoever makes room.
  int ignored = utimensat(AT_FDCWD, (place(id) + ".lock").c_str(), nullptr, 0);
  (void)ignored;
  return std::optional(StagedData{data, std::move(*lock)});
}

Result<StagedData> DataCache::stage(const std::string& id, const DataSource& source,
                                    const std::string& sha256, const FetchOptions& options,
                                    const std::function<void()>& waiting) {
  BATON_TRY(make_dirs(dir_, 0755));
  bool told = false;
  while (true) {
    BATON_ASSIGN(auto found, find(id));
    if (found) return std::move(*found);
    auto lock = try_lock_file(place(id) + ".lock", LockMode::exclusive, true);
    if (lock.is(Code::exists) || lock.is(Code::not_found)) {
      if (!told && lock.is(Code::exists)) waiting();
      told = true;
      if (options.poll) BATON_TRY(options.poll());
      clock_.sleep_ms(kLookAgainMs);
      continue;
    }
    if (!lock.ok()) return lock.error();
    if (exists(place(id) + "/data")) continue;
    BATON_TRY(build(id, source, sha256, options));
    // Somebody who makes room could come between: then it is not there any more.
    if (flock(lock->get(), LOCK_SH) == 0 && exists(place(id) + "/data"))
      return StagedData{place(id) + "/data", std::move(*lock)};
  }
}

Status DataCache::build(const std::string& id, const DataSource& source, const std::string& sha256,
                        const FetchOptions& options) {
  const std::string building = place(id) + ".building", tree = building + "/tree";
  BATON_TRY(begin_building(building));
  BATON_TRY(make_dirs(tree, 0755));
  take_links(source, tree);
  BATON_TRY(reserve(id, source));
  Status fetched = fetch_data(source, tree, building + "/parts", clock_, options);
  if (fetched.is(Code::no_space))
    return Error{Code::no_space,
                 fmt::format("the disk of {} is full: {} of {} were still missing", dir_,
                             human_size(missing_bytes(source, tree)), human_size(source.bytes())),
                 "make room (df -h shows where), or put $BATON_HOME on a larger disk, and resume: "
                 "what came is kept"};
  BATON_TRY(fetched);
  if (!sha256.empty()) {
    const std::string file = join_path(tree, source.files.front().name);
    BATON_ASSIGN(std::string hash, sha256_of_file(file));
    if (hash != sha256) {
      Status removed = remove_tree(building);
      (void)removed;  // the next try begins with the same comparison
      return Error{Code::invalid,
                   fmt::format("{} has the SHA-256 {}, and the spec says {}", source.bucket->name(),
                               hash, sha256),
                   "find out which is right before the spec is changed"};
    }
  }
  return publish(id, source);
}

// Files that another tree has already, of a source that has changed in part.
void DataCache::take_links(const DataSource& source, const std::string& tree) const {
  if (!is_directory(dir_ + "/files")) return;
  for (const DataFile& file : source.files) {
    // Without a version nothing tells whether it is the same.
    if (file.content().empty() || file.size == 0) continue;
    std::string there = link_path(source, file), here = join_path(tree, file.name);
    if (!exists(there) || !make_dirs(parent_path(here), 0755).ok()) continue;
    int ignored = link(there.c_str(), here.c_str());  // what is not linked is fetched
    (void)ignored;
  }
}

Status DataCache::publish(const std::string& id, const DataSource& source) {
  const std::string building = place(id) + ".building", tree = building + "/tree";
  ::unlink((building + "/wanted").c_str());  // all of it counts as itself now
  BATON_TRY(sync_filesystem(tree));
  for (const DataFile& file : source.files) {
    if (file.content().empty() || file.size == 0) continue;
    std::string there = link_path(source, file);
    if (exists(there)) continue;
    if (!make_dirs(parent_path(there), 0755).ok()) break;
    // On a filesystem without hard links, each tree is for itself.
    if (link(join_path(tree, file.name).c_str(), there.c_str()) != 0 && errno != EEXIST) break;
  }
  const std::string whole = building + "/whole";
  BATON_TRY(make_dirs(whole, 0755));
  std::string data = source.single ? join_path(tree, source.files.front().name) : tree;
  if (std::rename(data.c_str(), (whole + "/data").c_str()) != 0 ||
      std::rename(whole.c_str(), place(id).c_str()) != 0)
    return errno_error(errno, "put data at " + place(id));
  BATON_TRY(sync_dir(dir_));
  return remove_tree(building);
}

// Makes room and says for how much, in one step: of two at once, the second sees what the first is
// going to take.
Status DataCache::reserve(const std::string& id, const DataSource& source) {
  const std::string building = place(id) + ".building";
  const uint64_t missing = missing_bytes(source, building + "/tree");
  const uint64_t more = missing - std::min(missing, disk_usage(building + "/parts"));
  BATON_ASSIGN(Fd lock, lock_file(dir_ + "/room.lock", LockMode::exclusive, [] {}));
  BATON_TRY(make_room(source.bytes(), more, id));
  return replace_file(building + "/wanted", std::to_string(disk_usage(building) + more), false);
}

// What the trees that others are fetching have still to take. One that was cut off takes nothing
// until somebody goes on with it, and then asks anew.
uint64_t DataCache::reserved(const std::string& except) const {
  auto names = list_dir(dir_);
  uint64_t sum = 0;
  for (const auto& name : names.ok() ? *names : std::vector<std::string>()) {
    const std::string id = name.substr(0, name.find('.'));
    if (!ends_with(name, ".building") || id == except) continue;
    if (!try_lock_file(place(id) + ".lock", LockMode::shared).is(Code::exists)) continue;
    const uint64_t wanted = wanted_bytes(join_path(dir_, name));
    sum += wanted - std::min(wanted, disk_usage(join_path(dir_, name)));
  }
  return sum;
}

Status DataCache::make_room(uint64_t all, uint64_t more, const std::string& except) {
  if (more == 0) return {};
  const std::string limit = human_size(limit_);
  const char* raise =
      "set data_cache in the config file, or BATON_DATA_CACHE, to more (docs/spec.md, \"Data\")";
  if (all > limit_)
    return Error{
        Code::no_space,
        fmt::format("it has {}, and the cache of data may hold {}", human_size(all), limit), raise};
  while (true) {
    const uint64_t others = reserved(except), used = disk_usage(dir_) + others;
    const bool disk_has_it = free_bytes(dir_) >= others + more;
    if (used + more <= limit_ && disk_has_it) return {};
    if (remove_oldest(except)) continue;
    if (!disk_has_it)
      return Error{
          Code::no_space,
          fmt::format("it needs {} more, and the disk of {} has {} free{}", human_size(more), dir_,
                      human_size(free_bytes(dir_)),
                      others ? ", of which others are fetching " + human_size(others) : ""),
          "make room (df -h shows where), or put $BATON_HOME on a larger disk, and resume"};
    return Error{
        Code::no_space,
        fmt::format("it needs {} more, and running jobs use {} of the {} that the cache of "
                    "data may hold",
                    human_size(more), human_size(used), limit),
        raise};
  }
}

// Removes the data that was used longest ago of what nobody holds; false when there is none.
bool DataCache::remove_oldest(const std::string& except) {
  auto names = list_dir(dir_);
  if (!names.ok()) return false;
  std::set<std::string> ids;
  for (const auto& name : *names)
    if (std::string id = name.substr(0, name.find('.')); is_sha256_hex(id) && id != except)
      ids.insert(id);
  std::vector<std::pair<timespec, std::string>> by_age;
  for (const auto& id : ids) {
    struct stat info {};
    if (stat((place(id) + ".lock").c_str(), &info) != 0) info.st_mtim = {0, 0};
    by_age.emplace_back(info.st_mtim, id);
  }
  std::sort(by_age.begin(), by_age.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.tv_sec, a.first.tv_nsec) < std::pair(b.first.tv_sec, b.first.tv_nsec);
  });
  for (const auto& [age, id] : by_age) {
    auto lock = try_lock_file(place(id) + ".lock", LockMode::exclusive, true);
    if (!lock.ok()) continue;
    const std::string doomed = place(id) + ".removing";
    if (!remove_tree(doomed).ok()) continue;
    if (exists(place(id)) && std::rename(place(id).c_str(), doomed.c_str()) != 0) continue;
    bool gone = remove_tree(doomed).ok() && remove_tree(place(id) + ".building").ok();
    if (!gone) continue;
    ::unlink((place(id) + ".lock").c_str());
    remove_orphans();
    return true;
  }
  return false;
}

// Links whose file no tree holds. One that a tree takes at this very moment loses only this name.
void DataCache::remove_orphans() const {
  for_each_file(dir_ + "/files", [](const std::string& path, const struct stat& info) {
    if (info.st_nlink == 1) ::unlink(path.c_str());
  });
}

}  // namespace baton
