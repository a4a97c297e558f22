// Large files written around the page cache, where the kernel allows it, and read in one go.
//
// What a store holds is written once and read on another machine or not at all: in the page cache
// it would only push out the program's own files. On virtual machines whose memory is backed page
// by page, filling fresh cache pages is also several times slower than the disk. Reading around the
// cache was measured too: beside the writing of what is read, it takes two to three times as long.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baton {

constexpr size_t kDirectAlignment =
    4096;  // enough for every disk of today; see statx(2), stx_dio_mem_align

// Writes all of `bytes` at the beginning of a new file. Large and aligned bytes bypass the cache;
// their tail and all others do not. Durable only after fsync(2).
Status write_new(int fd, std::string_view bytes, const std::string& path);

// Has the kernel fetch the whole file, without waiting for it. Advice: a filesystem may ignore it.
void fetch_ahead(int fd);

// Reads a file of `size` bytes; fewer only when the file is shorter. The kernel is told to fetch
// all of it at once, and that nobody will want it a second time.
Result<size_t> read_whole(int fd, char* to, size_t size, const std::string& path);

}  // namespace baton
