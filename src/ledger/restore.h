// Writes a commit's trees back, verifying every blob, on several threads.
#pragma once

#include "ledger/commits.h"
#include "ledger/remembered.h"

namespace baton {

// Restores the trees that have a root. Returns what was written, to compare the next capture with;
// `refs` are the manifest's blobs in the pool. On error the roots are emptied again.
Result<Remembered> restore_trees(ObjectStore& store, const Manifest& manifest,
                                 const std::vector<CaptureRoot>& roots,
                                 const CaptureOptions& options, const std::vector<BlobRef>& refs);

}  // namespace baton
