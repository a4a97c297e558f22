// Keeps directories of caches and logs from growing for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace baton {

// Removes the least recently modified files whose names end in `suffix`, one by one, while
// `too_much(bytes, count)` says so of the rest. Failing to remove one is no error: it is a cache,
// and the next call tries again.
void remove_oldest_files(const std::string& dir, const std::string& suffix,
                         const std::function<bool(uint64_t bytes, size_t count)>& too_much);

}  // namespace baton
