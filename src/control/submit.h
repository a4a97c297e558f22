// Submit: a planned job becomes a job in the store.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "control/plan.h"
#include "image/image.h"
#include "ledger/commits.h"
#include "ledger/data_listing.h"
#include "ledger/ledger.h"
#include "store/data_source.h"

namespace baton {

struct SubmitParts {
  Ledger& ledger;
  Images& images;
  Progress& progress;
  Settings settings;
  OpenBucket open_data = {};  // data at URLs; none: there is none
};

// What belongs to a job beside its record, before it is in the store.
struct Prepared {
  CodeSnapshot code;
  std::vector<PackedListing> listings;  // of its data
};

// Lists the data at URLs, takes the snapshot of the code and makes (or finds) the image; all are
// noted in `job`. Nothing is written to the store.
Result<Prepared> prepare(SubmitParts& parts, Job& job);

// Writes it. Comes between the record and `created`; returns the code's object, or "".
Result<std::string> store_prepared(ObjectStore& store, const Job& job, const Prepared& prepared);

// Makes (or finds) the image, then writes the job in the order that docs/store-format.md section 4
// demands. Nothing is written to the store when the image or the code cannot be had. Returns the
// job as stored.
Result<Job> submit(SubmitParts& parts, Job job);

}  // namespace baton
