// The cache of downloaded packages: $BATON_HOME/cache/debs.
#pragma once

#include <cstdint>
#include <string>

namespace baton {

// Removes the least recently used .debs until at most `limit` bytes are left. Failing to is no
// error: it is only a cache, and the next build tries again.
void tidy_deb_cache(const std::string& dir, uint64_t limit);

}  // namespace baton
