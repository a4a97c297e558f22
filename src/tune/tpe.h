// Tree-structured Parzen estimator: a point that is likely among good points and unlikely among the
// others.
//
// Multivariate, as in BOHB (Falkner, Klein, Hutter, ICML 2018) and Optuna: one kernel a point over
// all dimensions at once. Dimensions with the same conditions form a group, with densities from the
// points where it is used (Bergstra et al., NeurIPS 2011, have a tree of such). Pending points
// count among the others ("constant liar"), so that parallel suggestions keep apart.
#pragma once

#include <utility>
#include <vector>

#include "tune/codec.h"
#include "tune/rng.h"

namespace baton {

struct TpeData {
  std::vector<std::pair<const Point*, double>> observed;  // snapped points and their costs
  std::vector<const Point*> pending;                      // snapped
};

// The suggestion, snapped. With no data it is drawn from the prior, which is near to uniform.
Point tpe_point(const Codec& codec, const TpeData& data, Rng& rng);

}  // namespace baton
