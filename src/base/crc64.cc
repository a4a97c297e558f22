#include "base/crc64.h"

#include <array>
#include <bit>
#include <cstring>

namespace baton {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kPolynomial = 0x9a6c9329ac4bc9b5;  // 0xad93d23594c93659, its bits turned round

using Tables = std::array<std::array<uint64_t, 256>, 8>;

// Row k tells what a byte does to the CRC when k more bytes follow it: eight bytes are looked up at
// once (Kounavis, Berry: Novel Table Lookup-Based Algorithms for High-Performance CRC Generation,
// IEEE Transactions on Computers 57, 2008).
constexpr Tables make_tables() {
  Tables tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t row = 1; row < tables.size(); ++row)
    for (size_t byte = 0; byte < 256; ++byte)
      tables[row][byte] = tables[row - 1][byte] >> 8 ^ tables[0][tables[row - 1][byte] & 0xff];
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint64_t crc64_nvme(std::string_view bytes, uint64_t before) {
  uint64_t crc = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    word ^= crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][word >> 8 * i & 0xff];
  }
  for (char byte : bytes)
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

}  // namespace baton
