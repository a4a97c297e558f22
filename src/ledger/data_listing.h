// Which files a job's data consisted of: kept with the job, so that its results can be traced.
// docs/store-format.md, "Listings of data".
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/check_job.h"
#include "model/job.h"
#include "store/data_source.h"
#include "store/store.h"

namespace baton {

// One zstd frame of the lines "SIZE CONTENT NAME" (data_line()), and the SHA-256 of these lines,
// which is the digest that the job's record names.
struct PackedListing {
  std::string digest, frame;
};
Result<PackedListing> pack_listing(const std::vector<DataFile>& files);

// The frame's lines, in pieces of any size and in bounded memory. Code::corrupt when it is none, or
// its lines have another SHA-256: then what `sink` was given counts for nothing. `sink` may be
// empty.
Status unpack_listing(std::string_view frame, const std::string& digest,
                      const std::function<void(std::string_view)>& sink);

// Where a job's listings are: "jobs/<job>/data/<digest>"; a trial's are its sweep's.
std::string listing_key(const Job& job, const std::string& digest);
// "jobs/…/data/<digest>" → the digest; "" for any other key.
std::string listing_digest(const std::string& key);

// Writes them, where they are not there yet; between the record and `created`.
Status store_listings(ObjectStore& store, const Job& job,
                      const std::vector<PackedListing>& listings);

// The frame; Code::not_found.
Result<std::string> load_listing(ObjectStore& store, const Job& job, const DataPin& pin);

// For `store check`: that the listings which `record` (of the job or sweep called `who`) names are
// there, and whole where `options.deep`.
Status check_listings(ObjectStore& store, const Job& record, const std::string& who,
                      const CheckOptions& options, std::vector<Finding>& findings);

}  // namespace baton
