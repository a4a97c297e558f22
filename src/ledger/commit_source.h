// The bytes of files as a commit holds them, to be sent elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ledger/commits.h"
#include "store/transfer.h"

namespace baton {

// Reads a file of the commit from the store's blobs, every one verified. `store`, `manifest` and
// `entry` must outlive it. One blob is kept in memory.
ByteSource commit_source(ObjectStore& store, const Manifest& manifest, const TreeEntry& entry);

// Reads it from `directory`, where the commit was captured, as long as the file there is, by size
// and modification time, still the one of the commit: this is looked at after every read, and
// Code::transient says that it has changed. Code::not_found when it is another one already.
Result<ByteSource> local_source(const std::string& directory, const TreeEntry& entry);

}  // namespace baton
