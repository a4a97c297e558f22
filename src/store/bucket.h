// Bucket: what S3, Google Cloud Storage and Azure Blob can do, one request a call.
//
// Each cloud implements this small interface (s3_bucket.cc, …); everything above it (retries,
// parallel transfers, paging, the probe of conditional writes) is written once, in bucket_store.cc
// and transfer.cc. Keys here are those of the store; an implementation puts the prefix in front.
//
// Every call is one attempt with a deadline of its own (try_timeout_ms). Implementations classify:
// Code::transient may be tried again (no connection, time-out, 5xx, 429, throttling, a body damaged
// on its way); not_found; exists (a condition was not met); denied; permanent; no_space. What only
// needs another try at once, with fresh credentials or a corrected clock, they do themselves, once.
// Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "store/store.h"

namespace baton {

struct BucketObject {
  uint64_t size = 0;               // of the whole object
  std::optional<uint32_t> crc32c;  // of the whole object, where the service has it
  std::string version;             // changes with the content (ETag, generation)
  std::string sum = {};            // of the whole content (content_sum.h), "" where nothing tells
};

struct BucketPage {
  std::vector<ObjectInfo> objects;  // ascending; prefixes ("part/") included, of size 0
  std::string next;                 // token for the next page; "": this is the last
};

struct BucketRange {
  uint64_t offset = 0, size = 0;  // size > 0
};

// What a write asks of what is there: to be nothing, anything, or of that very version. Otherwise
// Code::exists, and nothing is written. A service that knows no conditions on versions ignores them
// (most of S3's kin) or answers Code::unsupported.
class Write {
 public:
  static const Write if_absent, replace;
  // "": the version is not known, which comes to replace.
  static Write if_version(std::string version) { return {false, std::move(version)}; }
  const std::string& version() const { return version_; }
  bool operator==(const Write&) const = default;

 private:
  Write(bool absent, std::string version) : absent_(absent), version_(std::move(version)) {}
  bool absent_;
  std::string version_;
};
inline const Write Write::if_absent{true, ""}, Write::replace{false, ""};

struct BucketPart {
  std::string tag;  // what finish_upload must name
  uint32_t crc32c = 0;
};

class Bucket {
 public:
  virtual ~Bucket() = default;

  // The whole object in one request; the service verifies the CRC-32C before it keeps anything.
  // Returns the version that it has now, "" where the reply lacks it.
  virtual Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t crc,
                                  Write mode) = 0;

  // Gives the body to `sink` as it comes; `range`: only that part, none: all of it. A range that
  // begins at or behind the end gives nothing. Every byte given before an error counts for nothing.
  // A body shorter than what was promised is Code::transient. `expected`: Code::transient when the
  // object's version is another one by now.
  virtual Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                                   const std::string& expected,
                                   const std::function<Status(std::string_view)>& sink) = 0;
  virtual Result<BucketObject> head(const std::string& key) = 0;
  virtual Status remove(const std::string& key) = 0;  // an absent one is success
  // The same, but Code::exists when the object is of another version; conditions as for Write.
  virtual Status remove_version(const std::string& key, const std::string& version) = 0;

  // One page of what begins with `prefix`, after the key `after` ("": from the start) or from where
  // the page that gave `token` ended. With `fold`, keys with a '/' behind the prefix are folded.
  // At most `limit` entries (1..1000); perhaps fewer, even none, though there are more, and more
  // where a service cannot begin at `after`. Entries up to `after` may be among them. Each object's
  // version is the very text that get() and head() give for it, or "" where the listing lacks it;
  // likewise its sum, but that nobody can rely on to be there.
  virtual Result<BucketPage> list(const std::string& prefix, const std::string& after,
                                  const std::string& token, bool fold, size_t limit) = 0;

  // An upload in parts, which may come in any order and in parallel; none shows before
  // finish_upload. All but the last have part_size() bytes or more. `crc` of the whole object,
  // where it is known beforehand. An upload that is not finished is to be aborted, else its parts
  // are kept and paid for (docs/buckets.md says which lifecycle rule takes care of the rest).
  virtual Result<std::string> begin_upload(const std::string& key, std::optional<uint32_t> crc) = 0;
  virtual Result<BucketPart> upload_part(const std::string& key, const std::string& upload,
                                         int number, std::string_view bytes, uint32_t crc) = 0;
  // Returns the object's version, as put() does. Code::not_found: the upload is gone, and nothing
  // says whether it was completed.
  virtual Result<std::string> finish_upload(const std::string& key, const std::string& upload,
                                            const std::vector<BucketPart>& parts, uint32_t crc,
                                            Write mode) = 0;
  virtual Status abort_upload(const std::string& key, const std::string& upload) = 0;

  // Bytes of the first part in which the object was uploaded; 0 where nothing tells. Needed for a
  // sum that is one of parts.
  virtual Result<uint64_t> part_size(const std::string& key) {
    (void)key;
    return 0;
  }

  // "s3://bucket/prefix", for people; no credentials. Endpoint and region are left out.
  virtual std::string name() const = 0;
  // Tells this bucket from every other one, endpoint included; no credentials.
  virtual std::string identity() const = 0;
  // Where the credentials come from, for people ("profile \"ml\""), never what they are; the error
  // when there are none.
  virtual Result<std::string> credentials() = 0;
  // Milliseconds that the service has asked callers to keep away for (Retry-After); 0: nothing.
  virtual int64_t hold_ms() const = 0;
  // False: get() takes whole objects only. Every store of objects honours ranges, web servers may
  // not; these must have been asked by head() or list() before.
  virtual bool honours_ranges() const { return true; }

  // Once `cancel` is set, requests end soon with Code::cancelled, and so does waiting between two
  // tries of one (BucketRetry). Only one at a time, and begun and ended while no request runs.
  class Heeding {
   public:
    Heeding(Bucket& bucket, const Cancel& cancel) : bucket_(bucket) { bucket_.cancel_ = &cancel; }
    ~Heeding() { bucket_.cancel_ = nullptr; }
    Heeding(const Heeding&) = delete;
    Heeding& operator=(const Heeding&) = delete;

   private:
    Bucket& bucket_;
  };
  const Cancel* cancel() const { return cancel_; }

 private:
  const Cancel* cancel_ = nullptr;
};

// Milliseconds for one request that moves `bytes`: half a minute, and a slow line's time.
inline int64_t try_timeout_ms(uint64_t bytes) {
  constexpr int64_t kBase = 30'000;
  return kBase + static_cast<int64_t>(bytes / kSlowestBytesPerMs);
}

}  // namespace baton
