// The table behind Sobol, see sobol_table.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baton {

struct SobolRow {
  uint16_t polynomial;
  uint16_t m[10];  // zeros beyond the polynomial's degree
};
// The first dimension needs no row.
constexpr size_t kSobolDimensions = 160;
extern const SobolRow kSobolRows[kSobolDimensions - 1];

}  // namespace baton
