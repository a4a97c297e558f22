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
constexpr int kReadings = 3;             // of what does not have the checksum that it should have
constexpr uint64_t kMostParts = 10'000;  // S3's limit, the least of the three
constexpr uint64_t kMostInMemory = 64 << 20;

Error changed(const std::string& key) {
  return {Code::transient, key + " has changed while it was being sent", ""};
}

Result<Uploaded> upload_whole(Bucket& bucket, BucketRetry& retry, const std::string& key,
                              const ByteSource& source, Write mode) {
  std::vector<char> scratch(source.in_memory ? 0 : source.size);
  BATON_ASSIGN(std::string_view bytes, source.view(0, source.size, scratch.data()));
  uint32_t crc = crc32c(bytes);
  if (source.crc32c.value_or(crc) != crc) return changed(key);
  BATON_ASSIGN(std::string version, retry([&] { return bucket.put(key, bytes, crc, mode); }));
  return Uploaded{crc, version};
}

// In parts; the source's CRC is known.
class PartsUpload {
 public:
  PartsUpload(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
              const std::string& key, const ByteSource& source)
      : bucket_(bucket),
        retry_(retry),
        options_(options),
        plan_(plan_parts(source.size, options)),
        key_(key),
        source_(source) {}

  Result<Uploaded> run(const Write& mode) {
    const uint64_t part = plan_.size;
    parts_.resize(static_cast<size_t>((source_.size + part - 1) / part));
    BATON_ASSIGN(std::string upload,
                 retry_([&] { return bucket_.begin_upload(key_, source_.crc32c); }));
    auto version = finish(upload, mode);
    if (version.ok()) return Uploaded{*source_.crc32c, *version};
    Status ignored = bucket_.abort_upload(key_, upload);  // the first error is the one to tell
    (void)ignored;
    return version.error();
  }

 private:
  Result<std::string> finish(const std::string& upload, const Write& mode) {
    BATON_TRY(send_all(upload, plan_.size));
    uint32_t crc = 0;
    for (size_t i = 0; i < parts_.size(); ++i)
      crc = crc32c_combine(crc, parts_[i].crc32c,
                           std::min(plan_.size, source_.size - i * plan_.size));
    if (crc != *source_.crc32c) return changed(key_);
    return retry_([&] { return bucket_.finish_upload(key_, upload, parts_, crc, mode); });
  }

  Status send_all(const std::string& upload, uint64_t part) {
    const int workers = source_.in_memory ? options_.parallel : plan_.workers;
    std::vector<std::vector<char>> scratch(static_cast<size_t>(workers));
    return run_crew(
        workers, parts_.size(),
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
  const PartPlan plan_;
  const std::string& key_;
  const ByteSource& source_;
  std::vector<BucketPart> parts_;
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

// All of it once, not yet compared: with the checksum of what came, which may be another one.
struct Fetched {
  BucketObject object;
  uint32_t crc = 0;
};

Result<Fetched> fetch_all(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                          const std::string& key, uint64_t limit, const ByteTarget& to) {
  const uint64_t part = options.part_size;
  const bool small = limit < options.single_below;
  BATON_ASSIGN(First first, fetch_first(bucket, retry, key,
                                        small ? std::nullopt : std::optional(part), limit, to));
  const uint64_t size = first.object.size;
  if (first.got == size) return Fetched{first.object, first.crc};
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
  return Fetched{first.object, crc};
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

Result<uint32_t> crc_of(const ByteSource& source) {
  constexpr uint64_t kPiece = 1 << 20;
  std::vector<char> scratch(source.in_memory ? 0 : std::min(source.size, kPiece));
  uint32_t crc = 0;
  for (uint64_t at = 0; at < source.size; at += kPiece) {
    BATON_ASSIGN(std::string_view bytes,
                 source.view(at, std::min(kPiece, source.size - at), scratch.data()));
    crc = crc32c(bytes, crc);
  }
  return crc;
}

PartPlan plan_parts(uint64_t bytes, const TransferOptions& options) {
  constexpr uint64_t kStep = 1 << 20;
  const uint64_t needed = (bytes + kMostParts - 1) / kMostParts;
  const uint64_t size =
      needed <= options.part_size ? options.part_size : (needed + kStep - 1) / kStep * kStep;
  const int most = std::max(options.parallel, 1);
  return {size, static_cast<int>(
                    std::clamp<uint64_t>(kMostInMemory / size, 1, static_cast<uint64_t>(most)))};
}

Result<Uploaded> upload(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                        const std::string& key, const ByteSource& source, Write mode) {
  // What has to be read into memory first is never larger there than a part.
  uint64_t whole = source.in_memory ? options.single_below
                                    : std::min(options.single_below, options.part_size + 1);
  if (source.size < whole) return upload_whole(bucket, retry, key, source, mode);
  ByteSource known = source;
  if (!known.crc32c) {
    BATON_ASSIGN(known.crc32c, crc_of(source));
  }
  for (int round = 1;; ++round) {
    PartsUpload parts(bucket, retry, options, key, known);
    auto sent = parts.run(mode);
    if (!sent.is(Code::not_found) || round == kMostRounds) return sent;
    // Completed by a try whose reply was lost, or gone: the object tells. That of a version is gone
    // where there is none: S3 refuses the condition with the same words.
    auto there = retry([&] { return bucket.head(key); });
    if (there.is(Code::not_found) && !mode.version().empty()) return sent;
    bool ours = there.ok() && there->size == source.size && there->crc32c == known.crc32c;
    if (!ours) continue;
    if (mode != Write::if_absent) return Uploaded{*known.crc32c, there->version};
    return Error{Code::exists, key + " is there already, perhaps by an earlier try", ""};
  }
}

Result<BucketObject> download(Bucket& bucket, BucketRetry& retry, const TransferOptions& options,
                              const std::string& key, uint64_t limit, const ByteTarget& to) {
  for (int reading = 1; reading <= kReadings; ++reading) {
    BATON_ASSIGN(Fetched got, fetch_all(bucket, retry, options, key, limit, to));
    if (got.object.crc32c.value_or(got.crc) != got.crc) continue;
    got.object.crc32c = got.crc;
    return got.object;
  }
  return damaged(bucket, key);
}

}  // namespace baton
