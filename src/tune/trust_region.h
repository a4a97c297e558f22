// The trust region: in many dimensions a model is right only near what it has seen, so that points
// are sought in a box around the best one, which grows with success and shrinks with failure
// (Eriksson, Pearce, Gardner, Turner, Poloczek: "Scalable Global Optimization via Local Bayesian
// Optimization", NeurIPS 2019).
#pragma once

#include <vector>

#include "tune/features.h"
#include "tune/trials.h"

namespace baton {

// Whether `cost` is so much better than `best` that a search counts as still getting on; infinite
// `best`: nothing is known yet.
bool is_progress(double cost, double best);

// The side of the box that `observations` lead to, those of the first design (the first `initial`)
// left out: 0.8 at first, doubled after three successes in a row, halved after as many failures in
// a row as there are dimensions, 0.8 again once it is below 2^-7.
double trust_side(const std::vector<Observation>& observations, size_t initial, size_t dimensions);

struct Box {
  Point low, high;
};
// The box around `centre`, longer where the kernel says that the value changes slowly; its volume
// is side^d before it is cut to the cube. Categories are not restricted, but with `stay` what
// conditions ask about is, so that the box lies in the centre's branch (branches.h).
Box trust_box(const Features& features, const Kernel& kernel, const Point& centre, double side,
              bool stay = false);

}  // namespace baton
