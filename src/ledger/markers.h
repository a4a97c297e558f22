// Listing the empty objects below active/ and index/, whose names say everything.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/keys.h"
#include "store/store.h"

namespace baton {

// Keys of the markers of one job below `prefix` ("active/" or "index/").
Result<std::vector<std::string>> markers_of(ObjectStore& store, const std::string& prefix,
                                            const std::string& job);

// What the two listings tell of all jobs, each ascending by id with one entry per job: of several,
// the one with the greatest number.
struct Markers {
  std::vector<ActiveMarker> active;
  std::vector<IndexEntry> finished;  // active jobs may be among them
};
// Of the finished ones only the newest `limit` are told. Without `trials`, jobs of sweeps are left
// out.
Result<Markers> list_markers(ObjectStore& store, size_t limit, bool trials = true);

}  // namespace baton
