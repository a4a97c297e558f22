// How a blob's plain bytes become an object and come back: raw, or one zstd frame where that pays.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/buffer.h"
#include "model/commit.h"

namespace baton {

// Compresses blobs, one at a time; one per thread.
class BlobEncoder {
 public:
  BlobEncoder();
  ~BlobEncoder();
  // The object's bytes: `plain` itself, or a zstd frame at least an eighth smaller. Whether it pays
  // is guessed from samples first, so that incompressible bytes cost next to nothing. Valid until
  // the next call.
  Result<std::string_view> encode(std::string_view plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Turns objects back into plain bytes; one per thread.
class BlobDecoder {
 public:
  BlobDecoder();
  ~BlobDecoder();
  // Plain bytes of a blob whose object's bytes are `stored`, checked against its sizes and its
  // fingerprint under `seed`. Code::corrupt naming `what`. Valid until the next call, and as long
  // as `stored` is.
  Result<std::string_view> decode(const Blob& blob, uint64_t seed, std::string_view stored,
                                  const std::string& what);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "jobs/<job>/blobs/<attempt>/<xx>/<hash>".
std::string blob_key(const std::string& job, int attempt, const std::string& hash);
// "jobs/<job>/commits/<seq>-<attempt>.json".
std::string manifest_key(const std::string& job, const std::string& commit);

}  // namespace baton
