#include "image/image_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "image/image_namespace.h"
#include "image/oldest_files.h"
#include "os/clock.h"
#include "os/file_lock.h"
#include "os/files.h"
#include "os/sync.h"

namespace baton {
namespace {

constexpr uint64_t kRecordLimit = 16 << 20;
constexpr size_t kLogsKept = 20;

Result<Json> read_json(const std::string& path) {
  BATON_ASSIGN(std::string text, read_file(path, kRecordLimit));
  return parse_json(text, path);
}

void mark_used(const std::string& image_dir) {
  // Only a hint for people who tidy up: a read-only cache is as good.
  std::string path = image_dir + "/used";
  if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) (void)replace_file(path, "", false);
}

Image as_image(const std::string& image_dir, const std::string& id, Json record) {
  return Image{id, std::move(record), {image_dir + "/root"}, false};
}

Status rename_dir(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return errno_error(errno, "rename " + from + " to " + to);
  return {};
}

}  // namespace

std::string record_id(const Json& record) {
  return sha256_hex(
      nlohmann::json(record).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string image_id(const Json& record) { return record_id(record); }

Result<ImageUse> ImageUse::hold(const Image& image) {
  if (image.host || image.layers.empty()) return ImageUse(Fd());
  auto lock = try_lock_file(parent_path(image.layers.back()) + "/lock", LockMode::shared);
  if (lock.ok()) return ImageUse(std::move(lock).value());
  if (!lock.is(Code::exists) && !lock.is(Code::not_found)) return lock.error();
  return Error{Code::not_found, fmt::format("image {} is being removed", image.id.substr(0, 12)),
               "run the command again"};
}

ImageBuild::~ImageBuild() {
  // Failing here leaves what a crash would leave, and the next build sweeps it.
  if (!dir_.empty() && remove_image_tree(dir_).ok()) ::unlink((dir_ + ".lock").c_str());
}

std::string ImageCache::new_log(const std::string& id) {
  std::string dir = dir_ + "/.logs";
  remove_oldest_files(dir, ".log", [](uint64_t, size_t count) { return count > kLogsKept; });
  return dir + "/" + id.substr(0, 12) + "-" + random_base32(6) + ".log";
}

std::string ImageCache::request_path(const Json& request) const {
  return dir_ + "/.requests/" + record_id(request);
}

Result<std::optional<Image>> ImageCache::find(const std::string& id) {
  std::string dir = join_path(dir_, id);
  if (!is_sha256_hex(id) || !is_directory(dir + "/root")) return std::optional<Image>();
  auto record = read_json(dir + "/record.json");
  auto info = read_json(dir + "/info.json");
  // Damaged from outside: made again, which puts it right.
  if (!record.ok() || !info.ok() || record_id(*record) != id) return std::optional<Image>();
  if (get_string(*info, "owner") != image_owner())
    return Error{Code::invalid,
                 fmt::format("image {} was made {} and cannot be used {}", id.substr(0, 12),
                             image_owner() == "root" ? "without root" : "by root",
                             image_owner() == "root" ? "by root" : "without root"),
                 "use another BATON_HOME, or remove it with the user who made it: baton image rm " +
                     id.substr(0, 12)};
  mark_used(dir);
  return std::optional(as_image(dir, id, std::move(record).value()));
}

Result<std::optional<Image>> ImageCache::find_request(const Json& request) {
  auto id = read_file(request_path(request), 128);
  if (!id.ok()) return std::optional<Image>();
  return find(std::string(trim(*id)));
}

Status ImageCache::remember_request(const Json& request, const std::string& id) {
  std::string path = request_path(request);
  BATON_TRY(make_dirs(parent_path(path)));
  return replace_file(path, id + "\n", false);
}

Result<ImageBuild> ImageCache::begin(const std::string& id, const std::function<void()>& waiting) {
  std::string dir = join_path(building(), id);
  BATON_ASSIGN(Fd lock, lock_file(dir + ".lock", LockMode::exclusive, waiting));
  sweep(id);
  BATON_TRY(remove_image_tree(dir));
  BATON_TRY(make_dirs(dir, 0755));
  return ImageBuild(dir, std::move(lock));
}

// Everything in .building belongs to the holder of NAME.lock; nobody holds it when its owner died.
void ImageCache::sweep(const std::string& except) {
  auto names = list_dir(building());
  if (!names.ok()) return;
  for (const auto& name : *names) {
    bool is_lock = ends_with(name, ".lock");
    std::string base = is_lock ? name.substr(0, name.size() - 5) : name;
    if (base == except) continue;
    std::string path = join_path(building(), base);
    auto lock = try_lock_file(path + ".lock", LockMode::exclusive);
    if (!lock.ok() && !lock.is(Code::not_found)) continue;
    if (remove_image_tree(path).ok()) ::unlink((path + ".lock").c_str());
  }
}

Result<Image> ImageCache::publish(ImageBuild build, const Json& record, const std::string& log) {
  std::string id = record_id(record), dir = join_path(dir_, id);
  BATON_ASSIGN(uint64_t size, image_tree_size(build.root()));
  Json info = {{"size", size}, {"created_ms", SystemClock().wall_ms()}, {"owner", image_owner()}};
  BATON_TRY(replace_file(build.dir() + "/record.json", pretty_json(record), false));
  BATON_TRY(replace_file(build.dir() + "/info.json", pretty_json(info), false));
  BATON_TRY(replace_file(build.dir() + "/lock", "", false));
  BATON_TRY(replace_file(build.dir() + "/used", "", false));
  if (exists(log)) BATON_TRY(rename_dir(log, build.dir() + "/build.log"));
  BATON_TRY(sync_filesystem(build.dir()));
  if (exists(dir)) BATON_TRY(remove_id(id));  // find() did not take it for whole
  BATON_TRY(rename_dir(build.dir(), dir));
  build.dir_.clear();
  ::unlink((join_path(building(), id) + ".lock").c_str());
  BATON_TRY(sync_dir(dir_));
  return as_image(dir, id, record);
}

Result<std::vector<std::string>> ImageCache::ids() const {
  if (!is_directory(dir_)) return std::vector<std::string>();
  BATON_ASSIGN(std::vector<std::string> names, list_dir(dir_));
  std::erase_if(names, [](const std::string& name) { return !is_sha256_hex(name); });
  return names;
}

Result<std::vector<ImageInfo>> ImageCache::list() {
  BATON_ASSIGN(std::vector<std::string> names, ids());
  std::vector<ImageInfo> out;
  for (const auto& id : names) {
    std::string dir = join_path(dir_, id);
    auto record = read_json(dir + "/record.json");
    auto info = read_json(dir + "/info.json");
    if (!record.ok() || !info.ok()) continue;
    struct stat used {};
    int64_t used_ms = stat((dir + "/used").c_str(), &used) == 0
                          ? used.st_mtim.tv_sec * 1000 + used.st_mtim.tv_nsec / 1'000'000
                          : get_int(*info, "created_ms");
    out.push_back({id, *record, static_cast<uint64_t>(std::max<int64_t>(0, get_int(*info, "size"))),
                   get_int(*info, "created_ms"), used_ms});
  }
  return out;
}

Status ImageCache::remove_id(const std::string& id) {
  std::string dir = join_path(dir_, id);
  auto in_use = try_lock_file(dir + "/lock", LockMode::exclusive);
  if (in_use.is(Code::exists))
    return Error{Code::invalid,
                 fmt::format("image {} is in use by a running container", id.substr(0, 12)),
                 "stop its jobs first: baton ps"};
  if (!in_use.ok() && !in_use.is(Code::not_found)) return in_use.error();
  std::string trash = join_path(building(), "rm-" + id.substr(0, 12) + "-" + random_base32(8));
  BATON_ASSIGN(Fd lock, lock_file(trash + ".lock", LockMode::exclusive, [] {}));
  BATON_TRY(rename_dir(dir, trash));
  BATON_TRY(remove_image_tree(trash));
  ::unlink((trash + ".lock").c_str());
  return {};
}

Status ImageCache::remove(const std::string& prefix) {
  BATON_ASSIGN(std::vector<std::string> names, ids());
  std::vector<std::string> found;
  for (const auto& id : names)
    if (!prefix.empty() && starts_with(id, prefix)) found.push_back(id);
  if (found.empty())
    return Error{Code::not_found, fmt::format("there is no image \"{}\" here", printable(prefix)),
                 "baton image ls names them"};
  if (found.size() > 1)
    return Error{Code::invalid, fmt::format("{} images begin with \"{}\"", found.size(), prefix),
                 "give more of its id"};
  return remove_id(found[0]);
}

Result<std::vector<std::string>> ImageCache::remove_unused(const std::vector<std::string>& keep) {
  BATON_ASSIGN(std::vector<std::string> names, ids());
  std::vector<std::string> removed;
  for (const auto& id : names) {
    if (std::find(keep.begin(), keep.end(), id) != keep.end()) continue;
    Status status = remove_id(id);
    if (status.ok())
      removed.push_back(id);
    else if (!status.is(Code::invalid))
      return status.error();
  }
  sweep("");
  return removed;
}

}  // namespace baton
