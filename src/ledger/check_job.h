// Checking one job's objects, as part of check_store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/commits.h"
#include "ledger/keys.h"
#include "model/job.h"

namespace baton {

// Everything below jobs/<job>/ at one moment: what follows the prefix → size.
using JobObjects = std::map<std::string, uint64_t>;

// What the rest of the check needs to know of a job.
struct JobFacts {
  std::string id;
  std::vector<Finding> findings;
  bool recorded = false;  // has a job.json that can be read
  bool cut_off = false;   // is being submitted or removed, or was when that was cut short
  bool readable = false;  // the whole history could be folded
  std::string code_tree;  // of job.json
  std::optional<std::string> code_object;  // of `created`; none before that
  std::string name;
  Summary summary;       // as far as it could be folded
  uint64_t stretch = 0;  // number of the `created` or `resumed` that began the present stretch
};

struct CheckOptions {
  bool deep = true;
  std::function<void(uint64_t bytes)> read;  // told of every object's bytes read
};

// `finished`: the newest entry in the listing of finished jobs, if there is one: it proves that the
// job got that far. Looks again when the job moved on meanwhile, so that a live job is not taken
// for a damaged one.
Result<JobFacts> check_job(ObjectStore& store, const std::string& job,
                           const std::optional<IndexEntry>& finished, const CheckOptions& options);

// Parts of check_job.
void check_streams(const JobObjects& objects, JobFacts& facts);
Status check_commits(ObjectStore& store, const JobObjects& objects, const Job& job,
                     const CheckOptions& options, JobFacts& facts);

// Code::ok and the whole of a code object is good; or Code::corrupt and what is wrong. Without
// `deep`, its manifest only.
Status check_code_object(ObjectStore& store, const std::string& key, const CheckOptions& options);

}  // namespace baton
