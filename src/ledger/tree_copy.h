// Copies a tree of files as a commit keeps it and its restore brings it back, without a store in
// between.
#pragma once

#include <string>

#include "base/result.h"

namespace baton {

// Writes what is in the directory `from` into the directory `to`, which must be absent or empty:
// files with their holes, directories, symlinks as they are, with modes (0777 at most) and
// modification times; no sockets, devices and fifos. No link is followed. Code::transient when
// something changes meanwhile, Code::exists, Code::no_space, Code::denied; on an error `to` is left
// empty.
Status copy_tree(const std::string& from, const std::string& to);

}  // namespace baton
