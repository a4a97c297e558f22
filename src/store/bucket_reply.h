// What the replies of the three clouds have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

// The value of the Range header that asks for `range`.
std::string range_header(const BucketRange& range);

// Whether a reply of 206 brings `asked`, or what the object has of it.
bool is_range(const HttpResponse& reply, const std::optional<BucketRange>& asked);

// The whole object's size, from a reply of 200 or 206. Code::unsupported when a range that does not
// begin at 0 was answered with everything, Code::transient when with another range. `name` is the
// bucket's, `doing` what was asked for.
Result<uint64_t> told_size(const HttpResponse& reply, const std::optional<BucketRange>& range,
                           const std::string& name, const std::string& doing);

// Bytes that a reading request is given time for at most. How many there are is not known where no
// range says so; kStallMs ends what stalls before.
inline uint64_t most_read(const std::optional<BucketRange>& range) {
  return range ? range->size : 64 << 20;
}

constexpr int64_t kStallMs = 30'000;  // of reading requests: HttpRequest::stall_ms

// What a status usually means, where the service's own code says nothing better.
Code code_of_status(int status);

// "DOING: there is no such object", or what the service told, shown safely: its message and the
// name of its error, both perhaps "".
std::string refusal_text(const std::string& doing, Code code, int status, const std::string& told,
                         const std::string& name);

// The header that asks for what `mode` asks for, where ETags are versions.
void add_condition(Headers& headers, const Write& mode);
// An ETag as replies have it, with its quotation marks; "" stays "".
std::string quoted_etag(const std::string& etag);

void sort_by_key(BucketPage& page);

// For how long the service has asked callers to stay away (Retry-After). Thread-safe.
class Hold {
 public:
  explicit Hold(Clock& clock) : clock_(clock) {}
  void note(const HttpResponse& reply);
  int64_t left_ms() const;

 private:
  Clock& clock_;
  std::atomic<int64_t> until_{0};
};

// The server's wall clock, as far as replies have told that this machine's is wrong. Thread-safe.
class ServerClock {
 public:
  explicit ServerClock(Clock& clock) : clock_(clock) {}
  int64_t wall_ms() const { return clock_.wall_ms() + offset_.load(); }
  // Takes the reply's Date when a request dated `dated` was too far off for the service to accept;
  // false when it was not.
  bool correct(const HttpResponse& reply, int64_t dated);

 private:
  Clock& clock_;
  std::atomic<int64_t> offset_{0};
};

}  // namespace baton
