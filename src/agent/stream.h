// Streams of an attempt into the store: what the program prints, and its metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/ledger.h"

namespace baton {

// Collects bytes and appends them to a stream as chunks. A store that does not answer loses nothing
// until the buffer (16 MiB) is full; then the oldest bytes not yet tried are dropped and a line in
// the stream says so. Not thread-safe.
class StoreStream {
 public:
  StoreStream(Ledger& ledger, std::string job, std::string stream, int attempt, uint64_t offset)
      : ledger_(ledger),
        job_(std::move(job)),
        stream_(std::move(stream)),
        attempt_(attempt),
        offset_(offset) {}
  void add(std::string_view bytes);
  // Sends what is there. On error all is kept for the next call.
  Status flush();
  size_t waiting() const { return chunk_.size() + buffer_.size(); }
  uint64_t offset() const { return offset_; }

 private:
  Ledger& ledger_;
  std::string job_, stream_;
  int attempt_;
  uint64_t offset_;    // of the chunk in flight, else of the buffer
  std::string chunk_;  // was handed to the store, no success seen yet: must be repeated exactly
  std::string buffer_;
  uint64_t dropped_ = 0;
};

// Follows the metrics file that the program appends to.
class MetricsTail {
 public:
  // `path` may not exist yet; reading begins at byte `offset`.
  MetricsTail(std::string path, StoreStream stream)
      : path_(std::move(path)), stream_(std::move(stream)) {}
  // Reads on and sends. Whole lines only, unless `all`.
  Status pump(bool all);

 private:
  std::string path_;
  StoreStream stream_;
};

}  // namespace baton
