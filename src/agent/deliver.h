// Delivery: a finished job's results become plain files where the spec says.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace baton {

struct Delivered {
  std::string path;                   // RESULTS/<job>, "" when there was nothing to deliver
  std::vector<std::string> left_out;  // symlinks that point outside the results, by name
};

// Moves (or copies, to another filesystem) the directory `from` to RESULTS/<job> and points
// RESULTS/latest at it, without sockets, devices, fifos and symlinks that lead outside, and with
// modes of 0777 at most. Nothing may be writing there any more. Never overwrites: an earlier
// delivery of the same job with other content becomes RESULTS/<job>.1, .2, …; a `latest` that is
// not a symlink stays. An empty `from` delivers nothing.
Result<Delivered> deliver(const std::string& from, const std::string& results,
                          const std::string& job);

}  // namespace baton
