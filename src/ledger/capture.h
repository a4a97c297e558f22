// One capture: scan, read what may have changed, write what is new, and scan again to see that
// nothing moved.
#pragma once

#include <vector>

#include "ledger/commits.h"
#include "ledger/remembered.h"

namespace baton {

constexpr uint64_t kChunk = 4ull << 20;      // large files are cut at multiples of this
constexpr uint64_t kPackBelow = 1ull << 20;  // smaller files share blobs of up to kChunk

struct CaptureInput {
  const std::vector<CaptureRoot>& roots;
  const CaptureOptions& options;
  const Remembered& before;
  uint64_t seed = 0;
  int64_t wall_ms = 0;
};

struct CaptureOutput {
  std::vector<Blob> blobs;
  std::vector<Tree> trees;
  Remembered now;
};

// Blobs are written through the pool but not flushed. Code::transient when something changed
// meanwhile.
Result<CaptureOutput> capture_trees(BlobPool& pool, const CaptureInput& input);

}  // namespace baton
