#include "store/bucket_store.h"

#include <atomic>
#include <cstring>
#include <mutex>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kPage = 1000;
// One thread of an agent reads requests, sends output and records commits, one after the other: a
// service that does not answer may not hold it up for long. Blobs are written and read by others.
// What a record says would be lost, and the work with it, so one that asks to be left alone for a
// minute, as they do when they are busy, is waited for.
constexpr int64_t kReadPatienceMs = 5'000;
constexpr int64_t kRecordPatienceMs = 30'000;
constexpr int64_t kRecordHoldMs = BucketRetry::kLongestHoldMs + 5'000;
constexpr size_t kRecordBelow = 64 << 10;

class BucketStore : public ObjectStore {
 public:
  BucketStore(std::unique_ptr<Bucket> bucket, Clock& clock, const BucketStoreOptions& options)
      : bucket_(std::move(bucket)),
        options_(options),
        retry_(*bucket_, clock, options.transfer),
        records_(*bucket_, clock, patient_for(options.transfer, kRecordPatienceMs, kRecordHoldMs)),
        reads_(*bucket_, clock, patient_for(options.transfer, kReadPatienceMs, 0)) {}

  Status create(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    BATON_TRY(probed());
    return write(key, bytes, Write::if_absent);
  }

  Status put(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    return write(key, bytes, Write::replace);
  }

  Result<std::string> get(const std::string& key, uint64_t limit) override {
    BATON_TRY(check_key(key));
    std::string bytes;
    std::mutex mutex;  // the ranges of a large object come on several threads, and may enlarge it
    auto take = [&](uint64_t offset, std::string_view piece) -> Status {
      std::lock_guard lock(mutex);
      if (bytes.size() < offset + piece.size()) bytes.resize(offset + piece.size());
      std::memcpy(bytes.data() + offset, piece.data(), piece.size());
      return {};
    };
    auto object = download(*bucket_, reads_, options_.transfer, key, limit, take);
    if (!object.ok()) return object.error();
    bytes.resize(object->size);  // an earlier try may have brought more
    return bytes;
  }

  Result<size_t> read_into(const std::string& key, char* to, size_t size) override {
    BATON_TRY(check_key(key));
    auto take = [&](uint64_t offset, std::string_view piece) -> Status {
      std::memcpy(to + offset, piece.data(), piece.size());
      return {};
    };
    auto object = download(*bucket_, retry_, options_.transfer, key, size, take);
    if (!object.ok()) return object.error();
    return static_cast<size_t>(object->size);
  }

  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    BATON_TRY(check_key(key));
    if (size == 0) {
      BATON_TRY(head(key));
      return std::string();
    }
    size = std::min(size, UINT64_MAX - offset);
    return reads_([&]() -> Result<std::string> {
      std::string bytes;
      auto take = [&](std::string_view piece) -> Status {
        bytes += piece;
        return {};
      };
      auto object = bucket_->get(key, BucketRange{offset, size}, "", take);
      if (!object.ok()) return object.error();
      uint64_t left = object->size > offset ? object->size - offset : 0;
      if (bytes.size() != std::min(size, left))
        return Error{Code::transient, key + " came with another size than was announced", ""};
      return bytes;
    });
  }

  Result<ObjectInfo> head(const std::string& key) override {
    BATON_TRY(check_key(key));
    auto object = reads_([&] { return bucket_->head(key); });
    if (!object.ok()) return object.error();
    std::string sum = object->crc32c ? "crc32c:" + crc32c_text(*object->crc32c) : object->sum;
    return ObjectInfo{key, object->size, object->version, sum};
  }

  Status remove(const std::string& key) override {
    BATON_TRY(check_key(key));
    return records_([&] { return bucket_->remove(key); });
  }

  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    BATON_TRY(check_prefix(prefix));
    // Behind everything that a folded entry stands for.
    std::string after = options.after;
    if (!after.empty() && after.back() == '/') after += "\xF4\x8F\xBF\xBF";
    ListPage page;
    std::string token;
    while (true) {
      size_t want = std::min(kPage, options.limit - page.objects.size() + 1);
      auto part =
          retry_([&] { return bucket_->list(prefix, after, token, options.directories, want); });
      if (!part.ok()) return part.error();
      for (ObjectInfo& entry : part->objects) {
        if (entry.key <= options.after || !ours(entry.key)) continue;
        if (page.objects.size() == options.limit) {
          page.more = true;
          return page;
        }
        page.objects.push_back(std::move(entry));
      }
      if (part->next.empty()) return page;
      token = std::move(part->next);
    }
  }

  // Writes are durable when they return.
  void defer_sync(bool) override {}
  Status flush() override { return {}; }
  int concurrency() const override { return options_.transfer.parallel; }
  std::string name() const override { return bucket_->name(); }

 private:
  static TransferOptions patient_for(TransferOptions options, int64_t ms, int64_t hold_ms) {
    options.give_up_ms = std::min(options.give_up_ms, ms);
    options.hold_ms = hold_ms;
    return options;
  }

  Status write(const std::string& key, std::string_view bytes, Write mode) {
    BucketRetry& retry = bytes.size() < kRecordBelow || is_output(key) ? records_ : retry_;
    auto crc = upload(*bucket_, retry, options_.transfer, key, memory_source(bytes), mode);
    if (!crc.ok()) return crc.error();
    return {};
  }

  static bool is_output(const std::string& key) {
    return key.find("/logs/") != std::string::npos || key.find("/metrics/") != std::string::npos;
  }

  // What others have put into the bucket is passed over.
  static bool ours(const std::string& key) {
    return ends_with(key, "/") ? valid_prefix(key) : valid_key(key);
  }

  Status probed() {
    if (probed_.load(std::memory_order_acquire)) return {};
    std::lock_guard lock(probe_mutex_);
    if (probed_) return {};
    if (!refusal_.ok()) return refusal_;
    const std::string remembered = marker();
    if (remembered.empty() || !exists(remembered)) {
      Status probe = probe_bucket();
      if (probe.is(Code::unsupported)) refusal_ = probe;
      BATON_TRY(probe);
      remember(remembered);
    }
    probed_.store(true, std::memory_order_release);
    return {};
  }

  Status probe_bucket() {
    const std::string key = "probe/" + new_nonce();
    Status first = write(key, "1", Write::if_absent);
    // A first try whose reply was lost has written it; the second write below tells all the same.
    if (!first.ok() && !first.is(Code::exists)) return first;
    Status second = write(key, "2", Write::if_absent);
    Status removed = retry_([&] { return bucket_->remove(key); });
    (void)removed;  // without permission to delete, one byte stays
    if (second.is(Code::exists)) return {};
    if (!second.ok()) return second;
    return Error{Code::unsupported,
                 name() +
                     " cannot be a store: it does not honour conditional writes (it "
                     "overwrote an object although told to create it only if absent), so two "
                     "agents could own one job",
                 "use a bucket of a service that has them (Amazon S3, Google Cloud Storage, Azure "
                 "Blob Storage, MinIO, Cloudflare R2, Ceph from 20), or a directory"};
  }

  std::string marker() const {
    if (options_.cache_dir.empty()) return "";
    return join_path(options_.cache_dir,
                     "conditional-writes-" + sha256_hex(bucket_->identity()).substr(0, 32));
  }
  // Only a hint: where it cannot be kept, the next process probes again.
  void remember(const std::string& path) const {
    if (path.empty() || !make_dirs(options_.cache_dir, 0700).ok()) return;
    Status ignored = replace_file(path, bucket_->identity() + "\n", false);
    (void)ignored;
  }

  std::unique_ptr<Bucket> bucket_;
  const BucketStoreOptions options_;
  BucketRetry retry_;    // for what takes long anyway: blobs, listings of everything
  BucketRetry records_;  // for small writes, output, and removing
  BucketRetry reads_;
  std::atomic<bool> probed_{false};
  std::mutex probe_mutex_;
  Status refusal_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_bucket_store(std::unique_ptr<Bucket> bucket, Clock& clock,
                                               const BucketStoreOptions& options) {
  return std::make_unique<BucketStore>(std::move(bucket), clock, options);
}

}  // namespace baton
