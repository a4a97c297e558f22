// What a directory tree was like when it was last captured or restored, and which blobs hold it.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "ledger/blob_pool.h"
#include "ledger/scan.h"

namespace baton {

// `size` bytes of a file, held by a blob from `offset`; no blob: zeros.
struct HeldPiece {
  BlobRef blob;
  uint64_t offset = 0, size = 0;
  Fingerprint sum{};  // of these bytes; unset for zeros
};

struct RememberedFile {
  Scanned seen;
  // True when an unchanged stat proves unchanged content: nobody had the file open for writing, or
  // mapped, when its reading began, and its ctime was older than the clock's coarsest tick. Without
  // this a second write in the same tick, or a store through a mapping whose page was dirty
  // already, would leave the same stat behind.
  bool settled = false;
  std::vector<HeldPiece> pieces;
};

// By root and path.
using Remembered = std::map<std::string, std::unordered_map<std::string, RememberedFile>>;

}  // namespace baton
