// CRC-64/NVME (NVM Express NVM Command Set 1.0d, section 5.2.1.3.4), with which S3 checks uploads
// that bring no other checksum.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton {

// CRC-64/NVME of `bytes`, going on from the CRC of what comes before them. One to two GB/s.
uint64_t crc64_nvme(std::string_view bytes, uint64_t before = 0);

}  // namespace baton
