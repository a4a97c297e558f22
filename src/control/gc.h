// Garbage collection over a whole store, safe beside running jobs (docs/store-format.md, sections 6
// and 8).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "ledger/ledger.h"

namespace baton {

struct GcReport {
  uint64_t objects = 0, bytes = 0;  // removed
  size_t jobs = 0;                  // looked at
  int tidied = 0;                   // submissions and removals that were cut short, now completed
  std::vector<std::string>
      skipped;  // jobs that were left alone because something of them is damaged
};

// Removes what crashes left and what no kept commit names. A damaged job is left exactly as it is,
// and warned of.
Result<GcReport> collect_garbage(Ledger& ledger, Log& log);

}  // namespace baton
