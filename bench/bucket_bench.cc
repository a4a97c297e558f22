// Moves a directory's files to a bucket and back by the code that does so for users: upward as
// results are delivered, downward as data is staged. bench/bucket.py compares it.
//
//   bucket_bench up DIRECTORY s3://bucket/prefix…     to prefix/files/
//   bucket_bench down s3://bucket/prefix… DIRECTORY   DIRECTORY/tree/
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "ledger/bucket_delivery.h"
#include "os/clock.h"
#include "os/files.h"
#include "store/data_fetch.h"
#include "store/data_source.h"
#include "store/open_store.h"

namespace {

using namespace baton;

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

// A commit whose results are the files of `directory`.
Result<Manifest> commit_of(const std::string& directory) {
  Tree tree{"results", {}};
  BATON_ASSIGN(auto names, list_dir(directory));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    struct stat info {};
    if (lstat(join_path(directory, name).c_str(), &info) != 0) return errno_error(errno, name);
    TreeEntry entry;
    entry.path = name;
    entry.size = static_cast<uint64_t>(info.st_size);
    entry.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
    tree.entries.push_back(std::move(entry));
  }
  Manifest manifest;
  manifest.trees.push_back(std::move(tree));
  return manifest;
}

Status up(const std::string& directory, const std::string& url, Clock& clock) {
  BATON_ASSIGN(auto bucket, open_bucket(url, {environment, clock, ""}));
  BATON_ASSIGN(Manifest manifest, commit_of(directory));
  auto store = make_mem_store();  // only asked for files that change meanwhile
  BucketDelivery delivery(std::move(bucket), clock, "files");
  BATON_ASSIGN(Delivery done, delivery.deliver(*store, manifest, directory, {}));
  if (!done.left_out.empty() || done.sent != manifest.trees[0].entries.size())
    return Error{Code::permanent, "not all files were sent", ""};
  return {};
}

Status down(const std::string& url, const std::string& directory, Clock& clock) {
  OpenStoreOptions open{environment, clock, ""};
  BATON_ASSIGN(auto source,
               list_data(
                   url, [&](const std::string& place) { return open_data(place, open); }, clock,
                   [](uint64_t) { return Status(); }));
  return fetch_data(source, directory + "/tree", directory + "/parts", clock, {});
}

}  // namespace

int main(int argc, char** argv) {
  std::string direction = argc == 4 ? argv[1] : "";
  if (direction != "up" && direction != "down") {
    std::fprintf(stderr, "usage: bucket_bench up DIRECTORY URL | down URL DIRECTORY\n");
    return 2;
  }
  SystemClock clock;
  Status status = direction == "up" ? up(argv[2], argv[3], clock) : down(argv[2], argv[3], clock);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().text().c_str());
  return status.ok() ? 0 : 1;
}
