#include "store/data_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "model/commit.h"
#include "net/http.h"
#include "net/shown_url.h"
#include "os/crew.h"
#include "store/http_file.h"
#include "store/transfer.h"

namespace baton {
namespace {

constexpr size_t kPage = 1000;
constexpr size_t kMostFiles = 5'000'000;
constexpr int kParallel = 16;

bool on_the_web(const std::string& url) {
  return starts_with(url, "https://") || starts_with(url, "http://");
}

Status check_name(const Bucket& bucket, const std::string& name) {
  if (valid_tree_path(name)) return {};
  return Error{Code::invalid,
               fmt::format("{} holds an object \"{}\", and no file can have that name",
                           bucket.name(), printable(name)),
               "rename it, or name a prefix without it"};
}

Result<std::vector<DataFile>> list_all(Bucket& bucket, BucketRetry& retry,
                                       const std::function<Status(uint64_t)>& found) {
  std::vector<DataFile> files;
  std::string token;
  while (true) {
    auto page = retry([&] { return bucket.list("", "", token, false, kPage); });
    if (!page.ok()) return page.error();
    for (ObjectInfo& entry : page->objects)
      if (!ends_with(entry.key, "/"))
        files.push_back(
            {std::move(entry.key), entry.size, std::move(entry.version), std::move(entry.sum)});
    if (files.size() > kMostFiles)
      return Error{Code::invalid,
                   fmt::format("{} holds more than {} objects", bucket.name(), kMostFiles),
                   "put them into archives, or name a prefix with fewer"};
    BATON_TRY(found(files.size()));
    if (page->next.empty()) break;
    token = std::move(page->next);
  }
  std::sort(files.begin(), files.end(),
            [](const DataFile& a, const DataFile& b) { return a.name < b.name; });
  return files;
}

// Takes out the empty objects that some tools and services make for directories, and refuses what
// would be file and directory at once.
Status drop_directories(const Bucket& bucket, std::vector<DataFile>& files) {
  std::vector<std::string> directories;
  for (const DataFile& file : files) {
    size_t slash = file.name.rfind('/');
    if (slash != std::string::npos) directories.push_back(file.name.substr(0, slash));
  }
  std::sort(directories.begin(), directories.end());
  directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
  // Parents of parents: "a" of "a/b/c".
  auto is_parent = [&](const std::string& name) {
    auto next = std::lower_bound(directories.begin(), directories.end(), name);
    if (next != directories.end() && *next == name) return true;
    next = std::lower_bound(directories.begin(), directories.end(), name + "/");
    return next != directories.end() && starts_with(*next, name + "/");
  };
  std::vector<DataFile> kept;
  for (DataFile& file : files) {
    if (is_parent(file.name)) {
      if (file.size == 0) continue;
      return Error{Code::invalid,
                   fmt::format("{} holds both an object \"{}\" and others below \"{}/\", which no "
                               "directory can",
                               bucket.name(), printable(file.name), printable(file.name)),
                   "rename it, or name a prefix without it"};
    }
    BATON_TRY(check_name(bucket, file.name));
    kept.push_back(std::move(file));
  }
  files = std::move(kept);
  return {};
}

// For services whose listing has no versions.
Status ask_versions(Bucket& bucket, BucketRetry& retry, std::vector<DataFile>& files,
                    const std::function<Status(uint64_t)>& found) {
  std::vector<DataFile*> without;
  for (DataFile& file : files)
    if (file.version.empty()) without.push_back(&file);
  Cancel cancel;
  Bucket::Heeding heeding(bucket, cancel);
  return run_crew(
      kParallel, without.size(),
      [&](int, size_t index) -> Status {
        auto object = retry([&] { return bucket.head(without[index]->name); });
        if (!object.ok()) return object.error();
        without[index]->version = object->version;
        without[index]->size = object->size;
        without[index]->sum = object->sum;
        return {};
      },
      [&] { return found(files.size()); }, [&] { cancel.set(); });
}

// "s3://b/x/y?o" → ("s3://b/x?o", "y"); none where the URL names a whole bucket.
std::optional<std::pair<std::string, std::string>> split_last(const std::string& url) {
  size_t host = url.find("://") + 3;
  size_t mark = std::min(url.find('?'), url.size());
  std::string place = url.substr(0, mark);
  while (ends_with(place, "/")) place.pop_back();
  size_t slash = place.rfind('/');
  if (slash == std::string::npos || slash < host) return std::nullopt;
  return std::pair(place.substr(0, slash) + url.substr(mark), place.substr(slash + 1));
}

// The one object that has this very name; Code::not_found.
Result<DataSource> single_object(const std::string& url, const OpenBucket& open, Clock& clock) {
  Error none{Code::not_found, "there is nothing at " + shown_url(url),
             "check the URL; listing it with the service's own tool shows what is there"};
  auto parts = split_last(url);
  if (!parts) return none;
  auto parent = open(parts->first);
  if (!parent.ok()) return none;  // "az://account/container" is no object
  DataSource source;
  source.bucket = std::move(*parent);
  BucketRetry retry(*source.bucket, clock, {});
  auto object = retry([&] { return source.bucket->head(parts->second); });
  if (object.is(Code::not_found)) return none;
  if (!object.ok()) return object.error();
  source.files = {{parts->second, object->size, object->version, object->sum}};
  source.single = true;
  return source;
}

}  // namespace

uint64_t DataSource::bytes() const {
  uint64_t sum = 0;
  for (const DataFile& file : files) sum += file.size;
  return sum;
}

Result<std::unique_ptr<Bucket>> open_data(const std::string& url, const OpenStoreOptions& options) {
  if (!on_the_web(url)) return open_bucket(url, options);
  BATON_TRY(parse_url(url));
  return make_http_file(url, make_http_client(), options.clock);
}

Result<DataSource> list_data(const std::string& url, const OpenBucket& open, Clock& clock,
                             const std::function<Status(uint64_t)>& found) {
  DataSource source;
  BATON_ASSIGN(source.bucket, open(url));
  source.identity = source.bucket->identity();
  BucketRetry retry(*source.bucket, clock, {});
  BATON_ASSIGN(source.files, list_all(*source.bucket, retry, found));
  source.single = on_the_web(url);
  if (source.single) return source;
  BATON_TRY(drop_directories(*source.bucket, source.files));
  if (source.files.empty()) {
    std::string identity = source.identity;
    BATON_ASSIGN(source, single_object(url, open, clock));
    source.identity = identity;
    return source;
  }
  BATON_TRY(ask_versions(*source.bucket, retry, source.files, found));
  return source;
}

std::string data_line(const DataFile& file) {
  return fmt::format("{} {} {}\n", file.size, file.content(), file.name);
}

std::string data_digest(const std::vector<DataFile>& files) {
  Sha256 hash;
  for (const DataFile& file : files) hash.update(data_line(file));
  return hash.finish_hex();
}

}  // namespace baton
