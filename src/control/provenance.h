// Where a job's code came from.
#pragma once

#include <string>

#include "base/json.h"

namespace baton {

// {"commit": "…", "dirty": true} of the git work tree that holds `directory`; null where there is
// none, or where git is missing or refuses. Costs nothing outside of a work tree. `dirty` is left
// out where git did not tell within two seconds.
Json git_state(const std::string& directory);

}  // namespace baton
