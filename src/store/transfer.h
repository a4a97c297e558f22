// Large objects to and from a bucket: in parts, in parallel, verified, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "os/clock.h"
#include "store/backoff.h"
#include "store/bucket.h"

namespace baton {

struct TransferOptions {
  int tries = 10;                   // of each request
  int64_t give_up_ms = 300'000;     // no request is begun again later than this after its first try
  int64_t hold_ms = 0;              // but so long a service's wish to be left alone is waited out
  int parallel = 8;                 // requests at once, for one object
  uint64_t part_size = 8ull << 20;  // 5 MiB or more
  uint64_t single_below = 32ull << 20;  // smaller objects travel in one request
};

// Repeats single requests to a bucket, as Bucket's errors allow. While the service asks callers to
// keep away nothing is sent; where that lasts longer than give_up_ms and hold_ms, it is an error at
// once. Code::cancelled when the bucket heeds a cancellation (Bucket::Heeding) and it has come.
// Thread-safe.
class BucketRetry {
 public:
  static constexpr int64_t kLongestHoldMs =
      60'000;  // a service that asks for more is asked again then

  BucketRetry(const Bucket& bucket, Clock& clock, const TransferOptions& options)
      : bucket_(bucket), clock_(clock), options_(options) {}

  template <class Call>
  auto operator()(Call call) -> decltype(call()) {
    const int64_t begin = clock_.mono_ms();
    for (int attempt = 1;; ++attempt) {
      const int64_t wait = std::min<int64_t>(bucket_.hold_ms(), kLongestHoldMs);
      if (wait > 0) {
        const int64_t most = std::max(options_.give_up_ms, options_.hold_ms);
        if (clock_.mono_ms() - begin + wait > most) return kept_away(wait);
        if (!pause(wait)) return cancelled();
      }
      auto result = call();
      if (!result.is(Code::transient) || attempt >= options_.tries) return result;
      if (clock_.mono_ms() - begin > options_.give_up_ms) return result;
      if (!pause(backoff_.wait_ms(attempt))) return cancelled();
    }
  }

 private:
  static constexpr int64_t kHearEachMs = 100;

  // False when the bucket's requests were cancelled.
  bool pause(int64_t wait_ms) {
    const Cancel* cancel = bucket_.cancel();
    if (!cancel) clock_.sleep_ms(wait_ms);
    for (; cancel && wait_ms > 0 && !cancel->is_set(); wait_ms -= kHearEachMs)
      clock_.sleep_ms(std::min(wait_ms, kHearEachMs));
    return !cancel || !cancel->is_set();
  }
  Error cancelled() const {
    return {Code::cancelled, bucket_.name() + ": waiting for another try was cancelled", ""};
  }
  Error kept_away(int64_t wait_ms) const {
    return {Code::transient,
            bucket_.name() + ": the service asks callers to keep away for " +
                std::to_string((wait_ms + 999) / 1000) + " s",
            "try again then"};
  }

  const Bucket& bucket_;
  Clock& clock_;
  const TransferOptions options_;
  Backoff backoff_{100, 20'000, reinterpret_cast<uintptr_t>(this)};
};

// Bytes to send, by position. `view` gives `size` bytes at `offset`, in memory of its own or in
// `scratch`, which has room for them; several threads call it at once.
struct ByteSource {
  uint64_t size = 0;
  bool in_memory = false;  // view() never uses scratch
  std::function<Result<std::string_view>(uint64_t offset, uint64_t size, char* scratch)> view;
  std::optional<uint32_t> crc32c{};  // of all of it, where somebody has read it before
};
ByteSource memory_source(std::string_view bytes);
// An open file of `size` bytes; `path` for errors. A file that is shorter by then is
// Code::transient.
ByteSource file_source(int fd, uint64_t size, const std::string& path);

// Reads it once through; returns its CRC-32C.
Result<uint32_t> crc_of(const ByteSource& source);

// How an object of `bytes` bytes travels: in parts of which every service takes so many, and in so
// few at once that a source that is not in memory takes 64 MiB, or one part where that is more
// (above 625 GiB).
struct PartPlan {
  uint64_t size = 0;  // of each part but the last
  int workers = 1;
};
PartPlan plan_parts(uint64_t bytes, const TransferOptions& options);

// Takes received bytes by position, from several threads, in any order; a piece may come twice.
using ByteTarget = std::function<Status(uint64_t offset, std::string_view bytes)>;

struct Uploaded {
  uint32_t crc32c = 0;
  std::string version;  // "": not known
};

// Uploads an object: in one request when it is small, else in parts. A source whose CRC-32C is not
// known is read twice for parts, as services that have no checksums must be told it before the
// first of them. Memory: see plan_parts; none for a source in memory. On error nothing of it is
// left (an abort that fails as well leaves parts that nobody sees). Code::transient when the source
// does not give the same bytes twice.
Result<Uploaded> upload(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                        const std::string& key, const ByteSource& source, Write mode);

// Downloads an object whole: the first part in one request, and what is left of a large one by
// parallel ranges of the same version. Verified by its CRC-32C where the service knows it, and read
// up to three times where it differs. Returns what it was, with the CRC-32C of what came.
// Code::invalid when it is larger than `limit`; nothing was given to `to` then.
Result<BucketObject> download(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                              const std::string& key, uint64_t limit, const ByteTarget& to);

}  // namespace baton
