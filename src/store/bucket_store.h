// An ObjectStore on a Bucket: the same code for all clouds.
#pragma once

#include <memory>
#include <string>

#include "os/clock.h"
#include "store/bucket.h"
#include "store/transfer.h"

namespace baton {

struct BucketStoreOptions {
  TransferOptions transfer;
  // Where the result of the probe is remembered; "": nowhere.
  std::string cache_dir;
};

// The first create() of all probes whether the bucket honours conditional writes: it creates an
// object under probe/ twice. A bucket that takes both is refused with Code::unsupported from then
// on, since two agents could then own one job. `clock` must outlive the store.
std::unique_ptr<ObjectStore> make_bucket_store(std::unique_ptr<Bucket> bucket, Clock& clock,
                                               const BucketStoreOptions& options);

}  // namespace baton
