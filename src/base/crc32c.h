// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum that all object stores can verify.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton {

// CRC-32C of `bytes`, going on from the CRC of what comes before them. Some GB/s where the
// processor has an instruction for it.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

// The CRC of A followed by B, from those of A and B and the length of B.
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_size);

// Big-endian and in base64, as the stores write it ("AAAAAA==").
std::string crc32c_text(uint32_t crc);
// None for anything else.
std::optional<uint32_t> parse_crc32c(std::string_view text);

}  // namespace baton
