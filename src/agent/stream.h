// Streams of an attempt into the store: what the program prints, and its metrics.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "ledger/ledger.h"
#include "os/fd.h"

namespace baton {

// Collects bytes and appends them to a stream as chunks. A store that does not answer loses nothing
// until the buffer (16 MiB) is full; then the oldest bytes not yet tried are dropped and a line in
// the stream says so. One thread may add while another one flushes.
class StoreStream {
 public:
  StoreStream(Ledger& ledger, std::string job, std::string stream, int attempt, uint64_t offset)
      : ledger_(ledger),
        job_(std::move(job)),
        stream_(std::move(stream)),
        attempt_(attempt),
        offset_(offset) {}
  void add(std::string_view bytes);
  // Sends what is there when it is called. On error all is kept for the next call.
  Status flush();
  size_t waiting() const;
  // Where what was added last ends.
  uint64_t end() const;

 private:
  Ledger& ledger_;
  std::string job_, stream_;
  int attempt_;
  bool next_chunk();

  mutable std::mutex mutex_;  // of all that follows; the flushing thread alone changes the chunk
  uint64_t offset_;           // of the chunk in flight, else of the buffer
  std::string chunk_;  // was handed to the store, no success seen yet: must be repeated exactly
  std::string buffer_;
  uint64_t dropped_ = 0;
};

// The metrics file, opened for reading. The program owns the directory: anything else in its place,
// a symlink or a fifo say, is not followed and not waited for, and gives an invalid Fd like none.
Fd open_metrics(const std::string& path);

// Follows the metrics file that the program appends to.
class MetricsTail {
 public:
  // `path` may not exist yet; reading begins at byte `offset`.
  MetricsTail(std::string path, Ledger& ledger, std::string job, int attempt, uint64_t offset)
      : path_(std::move(path)), stream_(ledger, std::move(job), "metrics", attempt, offset) {}
  // Reads on and sends. Whole lines only, unless `all`. No more than a chunk is held meanwhile:
  // what the store does not take waits in the file, so that nothing is ever dropped.
  Status pump(bool all);

 private:
  std::string path_;
  StoreStream stream_;
};

}  // namespace baton
