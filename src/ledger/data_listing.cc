#include "ledger/data_listing.h"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>

#include "base/hash.h"
#include "base/text.h"

namespace baton {
namespace {

constexpr int kLevel = 3;
constexpr uint64_t kMaxFrame = 2ull << 30;  // five million files with long names have less

Error corrupt(const std::string& why) {
  return {Code::corrupt, "the listing of data is damaged: " + why, ""};
}

class Packer {
 public:
  Packer() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx), out_(ZSTD_CStreamOutSize(), '\0') {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  Status add(std::string_view text, ZSTD_EndDirective end) {
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    size_t left = 0;
    do {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &out, &in, end);
      if (ZSTD_isError(left))
        return Error{Code::no_space, "the listing of data cannot be compressed", ""};
      frame_.append(out_.data(), out.pos);
    } while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
    return {};
  }
  std::string frame() { return std::move(frame_); }

 private:
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
  std::string out_, frame_;
};

void damage(std::vector<Finding>& findings, const std::string& key, const std::string& kind,
            const std::string& who, const DataPin& pin) {
  findings.push_back({key, kind,
                      fmt::format("which files {} was given at {} cannot be told any more; put "
                                  "the object back from a copy of the store; results are not "
                                  "affected",
                                  who, printable(pin.destination)),
                      false});
}

}  // namespace

Result<PackedListing> pack_listing(const std::vector<DataFile>& files) {
  Packer packer;
  Sha256 hash;
  for (const DataFile& file : files) {
    const std::string line = data_line(file);
    hash.update(line);
    BATON_TRY(packer.add(line, ZSTD_e_continue));
  }
  BATON_TRY(packer.add("", ZSTD_e_end));
  return PackedListing{hash.finish_hex(), packer.frame()};
}

Status unpack_listing(std::string_view frame, const std::string& digest,
                      const std::function<void(std::string_view)>& sink) {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::string buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{frame.data(), frame.size(), 0};
  Sha256 hash;
  size_t left = 1;
  while (left > 0) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const size_t before = in.pos;
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) return corrupt(ZSTD_getErrorName(left));
    if (left > 0 && out.pos == 0 && in.pos == before) return corrupt("its end is missing");
    std::string_view piece(buffer.data(), out.pos);
    hash.update(piece);
    if (sink && !piece.empty()) sink(piece);
  }
  if (in.pos < in.size) return corrupt("something follows it");
  if (hash.finish_hex() != digest) return corrupt("it is not the one that its name says");
  return {};
}

std::string listing_key(const Job& job, const std::string& digest) {
  bool sweep = !job.sweep.empty() || job.spec.sweep.has_value();
  const std::string& owner = job.sweep.empty() ? job.id : job.sweep;
  return (sweep ? "sweeps/" : "jobs/") + owner + "/data/" + digest;
}

std::string listing_digest(const std::string& key) {
  auto parts = split(key, '/');
  bool listing = parts.size() == 4 && parts[2] == "data" && is_sha256_hex(parts[3]);
  return listing ? parts[3] : "";
}

Status store_listings(ObjectStore& store, const Job& job,
                      const std::vector<PackedListing>& listings) {
  for (const PackedListing& listing : listings) {
    Status created = store.create(listing_key(job, listing.digest), listing.frame);
    if (!created.ok() && !created.is(Code::exists)) return created;
  }
  return {};
}

Result<std::string> load_listing(ObjectStore& store, const Job& job, const DataPin& pin) {
  return store.get(listing_key(job, pin.digest), kMaxFrame);
}

Status check_listings(ObjectStore& store, const Job& record, const std::string& who,
                      const CheckOptions& options, std::vector<Finding>& findings) {
  for (const DataPin& pin : record.data) {
    const std::string key = listing_key(record, pin.digest);
    if (!options.deep) {
      auto head = store.head(key);
      if (!head.ok() && !head.is(Code::not_found)) return head.error();
      if (!head.ok()) damage(findings, key, "missing listing", who, pin);
      continue;
    }
    auto frame = load_listing(store, record, pin);
    if (frame.is(Code::not_found)) {
      damage(findings, key, "missing listing", who, pin);
    } else if (!frame.ok() && !frame.is(Code::invalid)) {
      return frame.error();
    } else {
      if (frame.ok()) options.read(frame->size());
      if (!frame.ok() || !unpack_listing(*frame, pin.digest, nullptr).ok())
        damage(findings, key, "damaged listing", who, pin);
    }
  }
  return {};
}

}  // namespace baton
