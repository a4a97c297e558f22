#include "control/gc.h"

#include "base/ids.h"
#include "base/text.h"
#include "ledger/commits.h"

namespace baton {
namespace {

// Nobody takes a day to submit a job: what began earlier and was not finished was cut off.
constexpr int64_t kAbandonedSubmissionMs = 24 * 3'600'000;

Result<Collected> collect_one(Ledger& ledger, const std::string& id) {
  BATON_ASSIGN(History history, ledger.open(id));
  const Summary& summary = history.summary();
  std::vector<Manifest> kept;
  for (const auto& commit : kept_commits(summary, history.job().spec.checkpoint_keep)) {
    BATON_ASSIGN(Manifest manifest, read_manifest(ledger.store(), id, commit));
    kept.push_back(std::move(manifest));
  }
  int below = summary.state == State::running ? summary.attempt : summary.attempt + 1;
  return collect_job(ledger.store(), id, kept, below);
}

Result<std::vector<std::string>> job_ids(ObjectStore& store) {
  std::vector<std::string> ids;
  ListOptions options;
  options.directories = true;
  BATON_TRY(for_each_object(store, "jobs/", options, [&](const ObjectInfo& object) {
    std::string id = object.key.substr(5);
    if (ends_with(id, "/")) id.pop_back();
    if (is_job_id(id)) ids.push_back(id);
    return true;
  }));
  return ids;
}

}  // namespace

Result<GcReport> collect_garbage(Ledger& ledger, Log& log) {
  GcReport report;
  BATON_ASSIGN(report.tidied, ledger.tidy(kAbandonedSubmissionMs));
  BATON_ASSIGN(auto ids, job_ids(ledger.store()));
  for (const auto& id : ids) {
    auto collected = collect_one(ledger, id);
    if (collected.is(Code::not_found)) continue;  // being submitted, or being removed
    ++report.jobs;
    if (!collected) {
      log.warn("job " + id + " is left alone: " + collected.error().message);
      report.skipped.push_back(id);
      continue;
    }
    report.objects += collected->objects;
    report.bytes += collected->bytes;
  }
  BATON_ASSIGN(Collected code, collect_code(ledger.store()));
  report.objects += code.objects;
  report.bytes += code.bytes;
  return report;
}

}  // namespace baton
