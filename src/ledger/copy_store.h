// Copying a store into another one, of whatever kind, object by object.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace baton {

struct CopyReport {
  uint64_t objects = 0, bytes = 0;   // copied
  uint64_t present = 0;              // were there already
  size_t jobs = 0, sweeps = 0;       // that are whole in the copy now
  std::vector<std::string> refused;  // sentences: what differs or is damaged, job by job
};

struct CopyOptions {
  // Objects done so far, and bytes copied.
  std::function<void(uint64_t objects, uint64_t bytes)> progress;
};

// Makes `to` hold every job and sweep of `from`. What is there already, byte for byte, is passed
// over, so that a copy that was cut off goes on, and a later one adds what is new. What is there
// with other bytes is never touched: its job is left as it is and named. Blobs are compared with
// their SHA-256 on the way; code by its CRC-32C, which a bucket tells without its being read. Safe
// beside live jobs in `from`, whose state is copied as it was at one moment; in `to`, nothing else
// may write the same jobs, nor collect garbage. docs/store-format.md, section 12, has the order of
// writes.
Result<CopyReport> copy_store(ObjectStore& from, ObjectStore& to, const CopyOptions& options);

}  // namespace baton
