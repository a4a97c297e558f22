// Results: the files that a job's last commit holds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/commits.h"
#include "ledger/ledger.h"
#include "store/bucket.h"

namespace baton {

// The manifest of the last commit. Code::not_found when there is none yet.
Result<Manifest> last_commit(Ledger& ledger, const History& history);

// The results in it; null when it holds none.
const Tree* results_tree(const Manifest& manifest);

// Delivers the last commit's results of a job that has ended to the bucket that its spec names,
// where its agent could not; what is there is left. Returns whether there was anything to do.
Result<bool> redeliver_results(Ledger& ledger, const History& history,
                               std::shared_ptr<Bucket> bucket);

// Writes the results of the last commit into `directory`, which must be absent or empty: whole or
// not at all. Gives the paths of the symlinks that lead outside, which are left out.
Result<std::vector<std::string>> extract_results(Ledger& ledger, const History& history,
                                                 const std::string& directory,
                                                 const CaptureOptions& options);

}  // namespace baton
