// Bringing the files of a DataSource to this machine: in parallel, verified, resumable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "os/clock.h"
#include "store/data_source.h"

namespace baton {

struct FetchOptions {
  int parallel = 16;                 // requests at once, over all files
  uint64_t part_size = 16ull << 20;  // a file is fetched, and taken up again, in parts of this size
  // Asked ten times a second on the caller's thread, also while a request runs; its error ends the
  // work at once.
  std::function<Status()> poll;
  std::function<void(uint64_t done, uint64_t total)> progress;  // bytes
};

// Puts every file that `tree` does not hold yet there; it has its name only when it is whole and
// verified: its size, its version, and the best checksum that the service knows (CRC-32C,
// else what content_sum.h names). A file that is replaced meanwhile by the very same content is
// gone on with. What is not whole stays in `parts`, and the next call goes on from there: both
// directories may only be used again within the same boot of the machine, as nothing was synced.
// Code::permanent when a file is not the one that was listed; Code::transient when it came damaged,
// three times; Code::no_space.
Status fetch_data(const DataSource& source, const std::string& tree, const std::string& parts,
                  Clock& clock, const FetchOptions& options);

// Bytes of the source's files that `tree` does not hold.
uint64_t missing_bytes(const DataSource& source, const std::string& tree);

}  // namespace baton
