// Drawing points that were not drawn before: what the simple methods and the starts of others
// share.
#pragma once

#include "tune/sobol.h"
#include "tune/trials.h"

namespace baton {

// Uniform in the cube; not snapped.
Point uniform_point(size_t dimensions, Rng& rng);

// The first of draw(0), draw(1), …, snapped, that no trial has; after 64 the last one all the
// same, so that small finite spaces are searched again when they are used up (values are noisy).
template <class Draw>
Point fresh_point(const TrialTable& table, Draw draw) {
  constexpr uint64_t kTries = 64;
  Point point;
  for (uint64_t i = 0; i < kTries; ++i) {
    point = table.codec().snap(draw(i));
    if (!table.seen(table.codec().as_encoded(point))) break;
  }
  return point;
}

}  // namespace baton
