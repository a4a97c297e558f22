// Branches of a space with conditions: points that use the same parameters lie in one branch.
//
// A branch is a problem of its own. One that does badly before its own parameters are right looks
// hopeless beside another that has been polished for long, to the model too; so each is given its
// turns as long as it gets on.
#pragma once

#include <vector>

#include "tune/trials.h"

namespace baton {

// The observations of the branch whose turn it is: of those with observations the one that has had
// the fewest, open trials included, since it last made progress (is_progress()); of equals the one
// with fewer in all. Everything in a space that shows a single branch so far.
std::vector<Observation> branch_in_turn(const std::vector<Observation>& observations,
                                        const std::vector<const Trial*>& open);

}  // namespace baton
