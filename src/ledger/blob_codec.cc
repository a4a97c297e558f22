#include "ledger/blob_codec.h"

#include <fmt/format.h>
#include <zstd.h>

#include <array>

namespace baton {
namespace {

constexpr int kLevel = 1;
constexpr int kSampleLevel = -3;  // about 2 GB/s on bytes that do not compress
constexpr size_t kSample = 16 << 10;
constexpr size_t kTooSmall = 64;  // a frame's header alone takes a dozen bytes

// The most bytes that a frame of `size` plain bytes may have to be worth decompressing later.
size_t worth(size_t size) { return size - size / 8; }

}  // namespace

struct BlobEncoder::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Buffer out;
  ~State() { ZSTD_freeCCtx(context); }

  // Compresses samples from the beginning, the middle and the end.
  bool promising(std::string_view plain) {
    if (plain.size() <= 4 * kSample) return true;
    std::array<char, ZSTD_COMPRESSBOUND(kSample)> scratch;
    size_t compressed = 0;
    for (size_t at : {size_t{0}, plain.size() / 2, plain.size() - kSample}) {
      size_t n = ZSTD_compressCCtx(context, scratch.data(), scratch.size(), plain.data() + at,
                                   kSample, kSampleLevel);
      compressed += ZSTD_isError(n) ? kSample : n;
    }
    return compressed <= worth(3 * kSample);
  }
};

BlobEncoder::BlobEncoder() : state_(std::make_unique<State>()) {}
BlobEncoder::~BlobEncoder() = default;

Result<std::string_view> BlobEncoder::encode(std::string_view plain) {
  if (plain.size() < kTooSmall || !state_->promising(plain)) return plain;
  BATON_TRY(state_->out.reserve(plain.size()));
  size_t n = ZSTD_compressCCtx(state_->context, state_->out.data(), worth(plain.size()),
                               plain.data(), plain.size(), kLevel);
  if (ZSTD_isError(n)) return plain;  // it does not fit: not worth it
  return state_->out.view(0, n);
}

struct BlobDecoder::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Buffer out;
  ~State() { ZSTD_freeDCtx(context); }
};

BlobDecoder::BlobDecoder() : state_(std::make_unique<State>()) {}
BlobDecoder::~BlobDecoder() = default;

Result<std::string_view> BlobDecoder::decode(const Blob& blob, uint64_t seed,
                                             std::string_view stored, const std::string& what) {
  const char* hint = "run baton store check to see which commits it belongs to";
  if (stored.size() != blob.stored)
    return Error{Code::corrupt,
                 fmt::format("{} has {} bytes instead of {}", what, stored.size(), blob.stored),
                 hint};
  std::string_view plain = stored;
  if (blob.zstd) {
    BATON_TRY(state_->out.reserve(blob.size));
    size_t n = ZSTD_decompressDCtx(state_->context, state_->out.data(), blob.size, stored.data(),
                                   stored.size());
    if (ZSTD_isError(n) || n != blob.size)
      return Error{Code::corrupt, what + " is damaged: it does not decompress", hint};
    plain = state_->out.view(0, n);
  }
  if (fingerprint(plain, seed) != blob.sum)
    return Error{Code::corrupt, what + " is damaged: its bytes are not what was written", hint};
  return plain;
}

std::string blob_key(const std::string& job, int attempt, const std::string& hash) {
  return fmt::format("jobs/{}/blobs/{}/{}/{}", job, attempt, hash.substr(0, 2), hash);
}

std::string manifest_key(const std::string& job, const std::string& commit) {
  return fmt::format("jobs/{}/commits/{}.json", job, commit);
}

}  // namespace baton
