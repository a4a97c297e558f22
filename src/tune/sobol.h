// Sobol: a scrambled low-discrepancy sequence in [0, 1)^d.
//
// Direction numbers of Joe and Kuo ("Constructing Sobol sequences with better two-dimensional
// projections", SIAM J. Sci. Comput. 2008), scrambled by a seeded random matrix and digital shift
// (Matoušek 1998, as scipy.stats.qmc.Sobol does), or plain.
#pragma once

#include <cstdint>
#include <vector>

#include "tune/codec.h"

namespace baton {

class Sobol {
 public:
  // Scrambled by `seed`. Dimensions above the table's end get independent uniform numbers.
  Sobol(size_t dimensions, uint64_t seed);
  // The unscrambled sequence in Gray code's order, which starts at the origin; for comparison with
  // others'.
  static Sobol plain(size_t dimensions);

  // The index-th point (0, 1, …, 2^32 - 1).
  Point at(uint64_t index) const;

 private:
  Sobol() = default;
  size_t dimensions_ = 0;
  uint64_t seed_ = 0;
  std::vector<uint32_t> directions_;  // 32 a dimension
  std::vector<uint32_t> shift_;
};

}  // namespace baton
