// Listing of the directory store: a directory tree seen as keys in bytewise order.
#pragma once

#include <string>

#include "store/store.h"

namespace baton {

// One page of the keys under `prefix` below the directory `root_fd`. Whatever cannot be a key of
// baton's (odd names, symlinks, devices, the directory for temporary files) is passed over; an
// absent directory is empty.
Result<ListPage> list_tree(int root_fd, const std::string& root_name, const std::string& prefix,
                           const ListOptions& options);

}  // namespace baton
