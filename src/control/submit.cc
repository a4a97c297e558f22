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
Status pin_data(SubmitParts& parts, Job& job) {
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
    job.data.push_back(
        {mount.destination, data_digest(source->files), source->files.size(), source->bytes()});
  }
  return {};
}

}  // namespace

Result<CodeSnapshot> prepare(SubmitParts& parts, Job& job) {
  if (is_url(job.spec.results)) BATON_TRY(look_at_bucket(parts, job.spec.results, "results"));
  BATON_TRY(pin_data(parts, job));
  CodeSnapshot code;
  if (job.spec.code) {
    CodeOptions options;
    options.exclude = not_code(job, parts.settings);
    BATON_ASSIGN(code, snapshot_code(*job.spec.code, options));
    job.code_tree = code.tree_hash;
  }
  auto image = parts.images.ensure(job.spec.image, parts.progress);
  parts.progress.finish("");
  if (!image) return image.error();
  job.image = image->record;
  return code;
}

Result<Job> submit(SubmitParts& parts, Job job) {
  BATON_ASSIGN(CodeSnapshot code, prepare(parts, job));
  BATON_TRY(parts.ledger.add_job(job));
  std::string object;
  if (!code.tree_hash.empty()) {
    BATON_ASSIGN(object, store_code(parts.ledger.store(), code));
  }
  BATON_TRY(parts.ledger.add_created(job, object));
  return job;
}

}  // namespace baton
