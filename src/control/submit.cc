#include "control/submit.h"

#include <vector>

#include "base/text.h"
#include "ledger/commits.h"
#include "model/spec_rules.h"
#include "store/transfer.h"

namespace baton {
namespace {

bool is_below(const std::string& path, const std::string& directory) {
  return starts_with(path, directory == "/" ? "/" : directory + "/");
}

// What lies inside the code directory and is not code: results, data that are mounted anyway, and
// baton's own files.
std::vector<std::string> not_code(const Job& job, const Settings& settings) {
  std::vector<std::string> paths = {job.spec.results, settings.home, settings.store};
  for (const auto& mount : job.spec.data) paths.push_back(mount.source);
  std::vector<std::string> inside;
  for (const auto& path : paths)
    if (is_below(path, *job.spec.code)) inside.push_back(path);
  return inside;
}

// Whether there is such a bucket, and whether these credentials get anywhere.
Status look_at_bucket(SubmitParts& parts, const std::string& url, const std::string& what) {
  BATON_ASSIGN(auto bucket, parts.open_data(url));
  BucketRetry retry(*bucket, parts.ledger.clock(), {});
  auto page = retry([&] { return bucket->list("", "", "", true, 1); });
  return page.ok() ? Status() : Status(page.error().within(what));
}

// Which files there are, so that every attempt sees the same, or is told that they have changed.
Status pin_data(SubmitParts& parts, Job& job, std::vector<PackedListing>& listings) {
  job.data.clear();
  for (const DataMount& mount : job.spec.data) {
    if (!is_url(mount.source)) continue;
    if (mount.mounted) {
      BATON_TRY(look_at_bucket(parts, mount.source, "data " + mount.destination));
      continue;
    }
    auto found = [&](uint64_t files) -> Status {
      parts.progress.update("listing " + mount.source, files, 0, "files");
      return {};
    };
    auto source = list_data(mount.source, parts.open_data, parts.ledger.clock(), found);
    parts.progress.finish("");
    if (!source.ok()) return source.error().within("data " + mount.destination);
    BATON_ASSIGN(PackedListing listing, pack_listing(source->files));
    job.data.push_back({mount.destination, listing.digest, source->files.size(), source->bytes()});
    listings.push_back(std::move(listing));
  }
  return {};
}

}  // namespace

Result<Prepared> prepare(SubmitParts& parts, Job& job) {
  if (is_url(job.spec.results)) BATON_TRY(look_at_bucket(parts, job.spec.results, "results"));
  Prepared prepared;
  BATON_TRY(pin_data(parts, job, prepared.listings));
  if (job.spec.code) {
    CodeOptions options;
    options.exclude = not_code(job, parts.settings);
    BATON_ASSIGN(prepared.code, snapshot_code(*job.spec.code, options));
    job.code_tree = prepared.code.tree_hash;
  }
  auto image = parts.images.ensure(job.spec.image, parts.progress);
  parts.progress.finish("");
  if (!image) return image.error();
  job.image = image->record;
  return prepared;
}

Result<std::string> store_prepared(ObjectStore& store, const Job& job, const Prepared& prepared) {
  BATON_TRY(store_listings(store, job, prepared.listings));
  if (prepared.code.tree_hash.empty()) return std::string();
  return store_code(store, prepared.code);
}

Result<Job> submit(SubmitParts& parts, Job job) {
  BATON_ASSIGN(Prepared prepared, prepare(parts, job));
  BATON_TRY(parts.ledger.add_job(job));
  BATON_ASSIGN(std::string object, store_prepared(parts.ledger.store(), job, prepared));
  BATON_TRY(parts.ledger.add_created(job, object));
  return job;
}

}  // namespace baton
