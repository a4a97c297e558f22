// What the credentials at hand may do with a bucket, by trying it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

struct Access {
  std::string what;  // "write objects"
  Status status;     // Code::denied: it may not; other errors: it could not be found out
};

// Tries everything that a store needs, with an object of its own under probe/, which is removed
// again: to list, to write only what is absent, to read, to remove, to upload in parts. What rests
// on something that failed is left out; so is all in a bucket that is not there or
// does not answer.
std::vector<Access> try_access(Bucket& bucket, Clock& clock);

}  // namespace baton
