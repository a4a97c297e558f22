#include "store/transfer.h"

#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "base/crc32c.h"
#include "base/text.h"
#include "os/crew.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr int kMostRounds = 3;           // of a whole upload, when the service has lost it
constexpr uint64_t kMostParts = 10'000;  // S3's limit, the least of the three

// Parts of at least options.part_size, few enough for every service.
uint64_t part_size_for(uint64_t size, const TransferOptions& options) {
  uint64_t needed = (size + kMostParts - 1) / kMostParts;
  constexpr uint64_t kStep = 1 << 20;
  return std::max(options.part_size, (needed + kStep - 1) / kStep * kStep);
}

Result<uint32_t> upload_whole(Bucket& bucket, BucketRetry& retry, const std::string& key,
                              const ByteSource& source, Write mode) {
  std::vector<char> scratch(source.in_memory ? 0 : source.size);
  BATON_ASSIGN(std::string_view bytes, source.view(0, source.size, scratch.data()));
  uint32_t crc = crc32c(bytes);
  BATON_TRY(retry([&] { return bucket.put(key, bytes, crc, mode); }));
  return crc;
}

class PartsUpload {
 public:
  PartsUpload(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
              const std::string& key, const ByteSource& source)
      : bucket_(bucket), retry_(retry), options_(options), key_(key), source_(source) {}

  Result<uint32_t> run(Write mode) {
    const uint64_t part = part_size_for(source_.size, options_);
    const size_t count = static_cast<size_t>((source_.size + part - 1) / part);
    parts_.resize(count);
    std::optional<uint32_t> known;
    if (source_.in_memory) {
      BATON_ASSIGN(std::string_view all, source_.view(0, source_.size, nullptr));
      known = crc32c(all);
    }
    auto upload = retry_([&] { return bucket_.begin_upload(key_, known); });
    if (!upload.ok()) return upload.error();
    Status sent = send_all(*upload, part);
    crc_ = 0;
    for (size_t i = 0; i < count; ++i)
      crc_ = crc32c_combine(crc_, parts_[i].crc32c, std::min(part, source_.size - i * part));
    if (sent.ok())
      sent = retry_([&] { return bucket_.finish_upload(key_, *upload, parts_, crc_, mode); });
    if (sent.ok()) return crc_;
    Status ignored = bucket_.abort_upload(key_, *upload);  // the first error is the one to tell
    (void)ignored;
    return sent.error();
  }

  // Of the whole object, once all its parts were sent.
  uint32_t crc() const { return crc_; }

 private:
  Status send_all(const std::string& upload, uint64_t part) {
    std::vector<std::vector<char>> scratch(static_cast<size_t>(options_.parallel));
    return run_crew(
        options_.parallel, parts_.size(),
        [&](int worker, size_t index) -> Status {
          std::vector<char>& own = scratch[static_cast<size_t>(worker)];
          if (!source_.in_memory) own.resize(part);
          uint64_t offset = index * part;
          BATON_ASSIGN(std::string_view bytes,
                       source_.view(offset, std::min(part, source_.size - offset), own.data()));
          uint32_t crc = crc32c(bytes);
          auto sent = retry_([&] {
            return bucket_.upload_part(key_, upload, static_cast<int>(index) + 1, bytes, crc);
          });
          if (!sent.ok()) return sent.error();
          parts_[index] = {sent->tag, crc};
          return {};
        },
        [] { return Status(); });
  }

  Bucket& bucket_;
  BucketRetry& retry_;
  const TransferOptions& options_;
  const std::string& key_;
  const ByteSource& source_;
  std::vector<BucketPart> parts_;
  uint32_t crc_ = 0;
};

Error damaged(const Bucket& bucket, const std::string& key) {
  return {Code::transient,
          key + " in " + bucket.name() + " did not arrive as it was stored: its checksum differs",
          ""};
}

// One range into `to`; returns its CRC.
Result<uint32_t> fetch_range(Bucket& bucket, BucketRetry& retry, const std::string& key,
                             const std::string& version, BucketRange range, const ByteTarget& to) {
  return retry([&]() -> Result<uint32_t> {
    uint64_t got = 0;
    uint32_t crc = 0;
    auto sink = [&](std::string_view piece) -> Status {
      if (piece.size() > range.size - got)
        return Error{Code::transient, key + " came with more bytes than were asked for", ""};
      BATON_TRY(to(range.offset + got, piece));
      crc = crc32c(piece, crc);
      got += piece.size();
      return {};
    };
    auto object = bucket.get(key, range, version, sink);
    if (!object.ok()) return object.error();
    if (got != range.size)
      return Error{Code::transient, key + " came with fewer bytes than were asked for", ""};
    return crc;
  });
}

// What the first request brought.
struct First {
  BucketObject object;
  uint64_t got = 0;
  uint32_t crc = 0;
};

// The first `part` bytes, those of most objects are all of them; or all of it where `part` is none.
Result<First> fetch_first(Bucket& bucket, BucketRetry& retry, const std::string& key,
                          std::optional<uint64_t> part, uint64_t limit, const ByteTarget& to) {
  return retry([&]() -> Result<First> {
    First first;
    auto sink = [&](std::string_view piece) -> Status {
      if (piece.size() > limit - first.got)
        return Error{Code::invalid, key + " is larger than " + std::to_string(limit) + " bytes",
                     ""};
      BATON_TRY(to(first.got, piece));
      first.crc = crc32c(piece, first.crc);
      first.got += piece.size();
      return {};
    };
    auto range = part ? std::optional(BucketRange{0, *part}) : std::nullopt;
    auto object = bucket.get(key, range, "", sink);
    if (!object.ok()) return object.error();
    first.object = *object;
    if (first.object.size > limit)
      return Error{Code::invalid, key + " is larger than " + std::to_string(limit) + " bytes", ""};
    if (first.got != std::min(part.value_or(UINT64_MAX), first.object.size))
      return Error{Code::transient, key + " came with another size than was announced", ""};
    bool whole = first.got == first.object.size;
    if (whole && first.object.crc32c && *first.object.crc32c != first.crc)
      return damaged(bucket, key);
    return first;
  });
}

}  // namespace

ByteSource memory_source(std::string_view bytes) {
  return {bytes.size(), true,
          [bytes](uint64_t offset, uint64_t size, char*) -> Result<std::string_view> {
            return bytes.substr(offset, size);
          }};
}

ByteSource file_source(int fd, uint64_t size, const std::string& path) {
  return {size, false,
          [fd, path](uint64_t offset, uint64_t want, char* scratch) -> Result<std::string_view> {
            BATON_ASSIGN(size_t got, read_at(fd, scratch, want, offset, path));
            if (got != want)
              return Error{Code::transient, path + " has changed while it was being sent", ""};
            return std::string_view(scratch, got);
          }};
}

Result<uint32_t> upload(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                        const std::string& key, const ByteSource& source, Write mode) {
  // What has to be read into memory first is never larger there than a part.
  uint64_t whole = source.in_memory ? options.single_below
                                    : std::min(options.single_below, options.part_size + 1);
  if (source.size < whole) return upload_whole(bucket, retry, key, source, mode);
  for (int round = 1;; ++round) {
    PartsUpload parts(bucket, retry, options, key, source);
    auto sent = parts.run(mode);
    if (!sent.is(Code::not_found) || round == kMostRounds) return sent;
    // Completed by a try whose reply was lost, or gone: the object tells.
    auto there = retry([&] { return bucket.head(key); });
    bool ours = there.ok() && there->size == source.size && there->crc32c == parts.crc();
    if (!ours) continue;
    if (mode == Write::replace) return parts.crc();
    return Error{Code::exists, key + " is there already, perhaps by an earlier try", ""};
  }
}

Result<BucketObject> download(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                              const std::string& key, uint64_t limit, const ByteTarget& to) {
  const uint64_t part = options.part_size;
  const bool small = limit < options.single_below;
  BATON_ASSIGN(First first, fetch_first(bucket, retry, key,
                                        small ? std::nullopt : std::optional(part), limit, to));
  const uint64_t size = first.object.size;
  if (first.got == size) return first.object;
  const size_t count = static_cast<size_t>((size + part - 1) / part) - 1;
  std::vector<uint32_t> crcs(count);
  auto range_of = [&](size_t index) {
    uint64_t offset = (index + 1) * part;
    return BucketRange{offset, std::min(part, size - offset)};
  };
  BATON_TRY(run_crew(
      options.parallel, count,
      [&](int, size_t index) -> Status {
        auto crc = fetch_range(bucket, retry, key, first.object.version, range_of(index), to);
        if (!crc.ok()) return crc.error();
        crcs[index] = *crc;
        return {};
      },
      [] { return Status(); }));
  uint32_t crc = first.crc;
  for (size_t i = 0; i < count; ++i) crc = crc32c_combine(crc, crcs[i], range_of(i).size);
  if (first.object.crc32c && *first.object.crc32c != crc) return damaged(bucket, key);
  return first.object;
}

}  // namespace baton
