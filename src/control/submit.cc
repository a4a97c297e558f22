#include "control/submit.h"

#include <vector>

#include "base/text.h"
#include "ledger/commits.h"

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

}  // namespace

Result<CodeSnapshot> prepare(SubmitParts& parts, Job& job) {
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
