// What a trial begins with when it takes up another one's checkpoint: docs/store-format.md,
// section 11.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/commit.h"
#include "model/event.h"
#include "store/store.h"

namespace baton {

// Copies a commit of `parent` to jobs/<child>/start/; with none, records that there is nothing to
// begin with. Does nothing where a whole copy stands. Code::not_found when the commit was cleaned
// away meanwhile: try again with a later one.
Status copy_start(ObjectStore& store, const std::string& parent,
                  const std::optional<Event>& committed, const std::string& child);

// The copied commit, for Committer::restore() of a committer of its own; none where the parent had
// none. Code::not_found without start.json, Code::corrupt.
Result<std::optional<Manifest>> read_start(ObjectStore& store, const std::string& child);

}  // namespace baton
