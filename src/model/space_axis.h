// What of a number's range the unit cube stands for (tune/codec.h), shared with the check of it.
#pragma once

#include "model/space.h"

namespace baton {

// The ends, before log() where the scale is logarithmic.
struct AxisRange {
  double low = 0, high = 1;
};

// From min to max; with levels, half a step more at either end. Of a number with min < max.
AxisRange axis_range(const Dimension& dimension);

}  // namespace baton
