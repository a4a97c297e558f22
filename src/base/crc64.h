// CRC-64/NVME (NVM Express NVM Command Set 1.0d, section 5.2.1.3.4), with which S3 checks uploads
// that bring no other checksum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baton {

// CRC-64/NVME of `bytes`, going on from the CRC of what comes before them. One to two GB/s.
uint64_t crc64_nvme(std::string_view bytes, uint64_t before = 0);

// Incremental, in the form of Sha256. Not thread-safe.
class Crc64Nvme {
 public:
  void update(std::string_view bytes) { crc_ = crc64_nvme(bytes, crc_); }
  // Ends the computation: 16 lower-case hex digits, big-endian. The object is then ready for
  // another one.
  std::string finish_hex();

 private:
  uint64_t crc_ = 0;
};

}  // namespace baton
