// What the credentials at hand may do with a bucket, by trying it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

struct Access {
  std::string what;  // "write new objects"
  Status status;
};

// Tries everything that a store needs, with an object of its own under probe/, which is removed
// again: to list, to write only what is absent, to read, to remove, to upload in parts. What rests
// on something that failed is left out.
std::vector<Access> try_access(Bucket& bucket, Clock& clock);

}  // namespace baton
