// Hashes: SHA-256 names content, XXH3-128 notices change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace baton {

// SHA-256 (FIPS 180-4) of `bytes`, as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

// MD5 (RFC 1321): 16 bytes, for services that verify an upload by nothing else.
std::string md5(std::string_view bytes);

// Incremental SHA-256. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  // Ends the computation; the object is then ready for another one.
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using Fingerprint = std::array<uint64_t, 2>;
// XXH3-128 with a seed: several times faster than SHA-256, good against accident, not against
// malice.
Fingerprint fingerprint(std::string_view bytes, uint64_t seed);

// Incremental fingerprint(). Not thread-safe.
class Fingerprinter {
 public:
  Fingerprinter();
  ~Fingerprinter();
  Fingerprinter(const Fingerprinter&) = delete;
  Fingerprinter& operator=(const Fingerprinter&) = delete;
  void start(uint64_t seed);  // comes before the first update() of each computation
  void update(std::string_view bytes);
  Fingerprint finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// True for exactly 64 lower-case hex digits.
bool is_sha256_hex(std::string_view text);

}  // namespace baton
