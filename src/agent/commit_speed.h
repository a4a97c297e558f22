// How fast commits to a store were from this machine, so that the first notice of an attempt finds
// a prediction: HOME/buckets/commits-<hash of the store's name>.json.
#pragma once

#include <string>

#include "agent/policy.h"

namespace baton {

// Feeds the clock with what is remembered; nothing, where nothing is.
void recall_commit_speed(const std::string& home, const std::string& store, CommitClock& clock);
// Remembers what the clock knows. Only a hint: where it cannot be kept, nothing is.
void remember_commit_speed(const std::string& home, const std::string& store,
                           const CommitClock& clock);

}  // namespace baton
