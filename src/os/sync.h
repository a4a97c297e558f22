// Making a whole tree durable at once.
#pragma once

#include <string>

#include "base/result.h"

namespace baton {

// syncfs(2): everything written so far, by anybody, to the filesystem that holds the directory
// `path`. For trees of many files, where fsync(2) of each would take far longer.
Status sync_filesystem(const std::string& path);

}  // namespace baton
