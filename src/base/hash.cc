// SHA256_Init, MD5_Init and their kin: deprecated in OpenSSL 3, and here to stay.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <xxhash.h>

#include <algorithm>

#include "base/encoding.h"

namespace baton {
// OpenSSL's own SHA-256, not through EVP: that would first set up the whole library (its
// configuration file, error texts, providers), which takes longer than most commands of baton.
struct Sha256::State {
  SHA256_CTX context{};
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

std::string Sha256::finish_hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), &state_->context);
  SHA256_Init(&state_->context);
  return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish_hex();
}

std::string md5(std::string_view bytes) {
  std::array<unsigned char, MD5_DIGEST_LENGTH> digest{};
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, bytes.data(), bytes.size());
  MD5_Final(digest.data(), &context);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Fingerprint fingerprint(std::string_view bytes, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

struct Fingerprinter::State {
  XXH3_state_t* context = XXH3_createState();
  ~State() { XXH3_freeState(context); }
};

Fingerprinter::Fingerprinter() : state_(std::make_unique<State>()) { start(0); }
Fingerprinter::~Fingerprinter() = default;

void Fingerprinter::start(uint64_t seed) { XXH3_128bits_reset_withSeed(state_->context, seed); }

void Fingerprinter::update(std::string_view bytes) {
  XXH3_128bits_update(state_->context, bytes.data(), bytes.size());
}

Fingerprint Fingerprinter::finish() const {
  XXH128_hash_t hash = XXH3_128bits_digest(state_->context);
  return {hash.low64, hash.high64};
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace baton
