#include "tune/sobol.h"

#include <algorithm>
#include <bit>

#include "tune/rng.h"
#include "tune/sobol_table.h"

namespace baton {
namespace {

constexpr int kBits = 32;
enum Purpose : uint64_t { kMatrix = 0x50b01, kShift, kBeyond };

// Bit 31 is the first binary digit of the coordinate. Bratley and Fox, ACM TOMS 659.
void fill_directions(size_t dimension, uint32_t* v) {
  if (dimension == 0) {
    for (int k = 0; k < kBits; ++k) v[k] = 1U << (31 - k);
    return;
  }
  const SobolRow& row = kSobolRows[dimension - 1];
  const int degree = std::bit_width(row.polynomial) - 1;
  for (int k = 0; k < kBits; ++k) {
    if (k < degree) {
      v[k] = static_cast<uint32_t>(row.m[k]) << (31 - k);
      continue;
    }
    v[k] = v[k - degree] ^ (v[k - degree] >> degree);
    for (int j = 1; j < degree; ++j)
      if ((row.polynomial >> (degree - j)) & 1) v[k] ^= v[k - j];
  }
}

// Multiplies each direction by a random lower triangular matrix over GF(2) with ones on its
// diagonal: every digit stays and gets a random sum of the digits before it.
void scramble(uint32_t* v, Rng rng) {
  uint32_t rows[kBits];
  for (int i = 0; i < kBits; ++i) {
    uint32_t before = i == 0 ? 0 : ~0U << (kBits - i);
    rows[i] = (static_cast<uint32_t>(rng.next() >> 32) & before) | 1U << (31 - i);
  }
  for (int k = 0; k < kBits; ++k) {
    uint32_t scrambled = 0;
    for (int i = 0; i < kBits; ++i)
      scrambled |= static_cast<uint32_t>(std::popcount(rows[i] & v[k]) & 1) << (31 - i);
    v[k] = scrambled;
  }
}

}  // namespace

Sobol Sobol::plain(size_t dimensions) {
  Sobol sobol;
  sobol.dimensions_ = dimensions;
  const size_t known = std::min(dimensions, kSobolDimensions);
  sobol.directions_.resize(known * kBits);
  sobol.shift_.resize(known);
  for (size_t i = 0; i < known; ++i) fill_directions(i, &sobol.directions_[i * kBits]);
  return sobol;
}

Sobol::Sobol(size_t dimensions, uint64_t seed) {
  *this = plain(dimensions);
  seed_ = seed;
  for (size_t i = 0; i < shift_.size(); ++i) {
    scramble(&directions_[i * kBits], Rng(seed, i, kMatrix));
    shift_[i] = static_cast<uint32_t>(Rng(seed, i, kShift).next() >> 32);
  }
}

Point Sobol::at(uint64_t index) const {
  const auto gray = static_cast<uint32_t>(index ^ (index >> 1));
  Point point(dimensions_);
  for (size_t i = 0; i < shift_.size(); ++i) {
    uint32_t digits = shift_[i];
    for (int k = 0; k < kBits; ++k)
      if ((gray >> k) & 1) digits ^= directions_[i * kBits + static_cast<size_t>(k)];
    point[i] = digits * 0x1p-32;
  }
  for (size_t i = shift_.size(); i < dimensions_; ++i)
    point[i] = Rng(seed_, index, kBeyond + i).uniform();
  return point;
}

}  // namespace baton
