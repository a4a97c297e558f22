#include "base/crc32c.h"

#include <array>
#include <cstring>

#include "base/encoding.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace baton {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// Eight tables: one step takes eight bytes ("slicing by 8", Kounavis and Berry, 2005).
using Tables = std::array<std::array<uint32_t, 256>, 8>;
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    tables[0][i] = crc;
  }
  for (size_t i = 0; i < 256; ++i)
    for (size_t k = 1; k < 8; ++k)
      tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 255];
  return tables;
}
constexpr Tables kTables = make_tables();

uint32_t by_tables(const char* data, size_t size, uint32_t crc) {
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, data, 8);  // little-endian, as all machines that baton runs on
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 255];
  }
  for (; size > 0; ++data, --size)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*data)) & 255];
  return crc;
}

// Polynomials over GF(2) modulo the CRC's, reflected: bit 31 is the coefficient of x^0.
constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);
  }
  return product;
}

// x^(8 n): multiplied by it, a CRC becomes that of the same bytes with n zeros behind them.
constexpr uint32_t power_of(uint64_t n) {
  uint32_t power = 1u << 31;         // x^0
  uint32_t square = 1u << (31 - 8);  // x^8, then its squares
  for (; n != 0; n >>= 1) {
    if (n & 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

#if defined(__x86_64__)
// The instruction takes three cycles, and a new one may begin each cycle: so three rows of bytes go
// side by side, and their CRCs are combined after each block.
constexpr size_t kRow = 4 << 10;
constexpr uint32_t kOneRow = power_of(kRow), kTwoRows = power_of(2 * kRow);

__attribute__((target("sse4.2"))) inline uint64_t step(uint64_t state, const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return _mm_crc32_u64(state, word);
}

__attribute__((target("sse4.2"))) uint32_t by_instruction(const char* data, size_t size,
                                                          uint32_t crc) {
  for (; size >= 3 * kRow; data += 3 * kRow, size -= 3 * kRow) {
    uint64_t first = crc, second = 0, third = 0;
    for (const char* at = data; at != data + kRow; at += 8) {
      first = step(first, at);
      second = step(second, at + kRow);
      third = step(third, at + 2 * kRow);
    }
    crc = multiply(static_cast<uint32_t>(first), kTwoRows) ^
          multiply(static_cast<uint32_t>(second), kOneRow) ^ static_cast<uint32_t>(third);
  }
  uint64_t state = crc;
  for (; size >= 8; data += 8, size -= 8) state = step(state, data);
  auto rest = static_cast<uint32_t>(state);
  for (; size > 0; ++data, --size) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*data));
  return rest;
}
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t before) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(bytes.data(), bytes.size(), ~before);
#endif
  return ~by_tables(bytes.data(), bytes.size(), ~before);
}

// crc(A B) = crc(A) · x^(8 |B|) + crc(B).
uint32_t crc32c_combine(uint32_t a, uint32_t b, uint64_t b_size) {
  return multiply(a, power_of(b_size)) ^ b;
}

std::string crc32c_text(uint32_t crc) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(crc >> shift);
  return base64(bytes);
}

std::optional<uint32_t> parse_crc32c(std::string_view text) {
  auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != 4) return std::nullopt;
  uint32_t crc = 0;
  for (char c : *bytes) crc = crc << 8 | static_cast<unsigned char>(c);
  return crc;
}

}  // namespace baton
