#include "base/crc64.h"

#include <gtest/gtest.h>

#include <random>

namespace baton {
namespace {

// Bit by bit, as the definition has it.
uint64_t by_definition(std::string_view bytes) {
  uint64_t crc = ~0ull;
  for (char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x9a6c9329ac4bc9b5 : 0);
  }
  return ~crc;
}

// The check value of the catalogue of parametrised CRC algorithms, CRC-64/NVME.
TEST(Crc64Nvme, HasTheCheckValue) { EXPECT_EQ(crc64_nvme("123456789"), 0xae8b14860a799888); }

TEST(Crc64Nvme, IsTheDefinitionsInPiecesOfAnySize) {
  std::mt19937_64 random(1);
  std::string bytes(3000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  std::string_view all = bytes;
  for (size_t size : {0, 1, 7, 8, 9, 63, 64, 65, 3000})
    EXPECT_EQ(crc64_nvme(all.substr(0, size)), by_definition(all.substr(0, size))) << size;
  for (int i = 0; i < 100; ++i) {
    size_t cut = random() % all.size();
    EXPECT_EQ(crc64_nvme(all.substr(cut), crc64_nvme(all.substr(0, cut))), by_definition(all))
        << cut;
  }
}

}  // namespace
}  // namespace baton
