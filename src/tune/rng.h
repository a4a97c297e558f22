// Rng: the one source of chance in tune/, counter-based, so that nothing depends on who drew
// before.
//
// A generator is named by a seed and up to two stream numbers (which ask, for which purpose); equal
// names give equal numbers. SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
// Generators", OOPSLA 2014) over a counter that starts at a hash of the name.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace baton {

class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0, uint64_t purpose = 0)
      : state_(mix(mix(mix(seed) + stream) + purpose)) {}

  uint64_t next() { return mix(state_ += kGolden); }
  // In [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // In [0, n); n > 0. The bias of at most n / 2^64 does not matter here.
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<Wide>(next()) * n) >> 64);
  }
  // Standard normal (Box and Muller; one of the pair, so that every draw takes two numbers).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  static uint64_t mix(uint64_t z) {
    z += kGolden;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

}  // namespace baton
