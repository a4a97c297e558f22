// Work in a container's user namespace from outside of a container.
#pragma once

#include <string>

#include "base/result.h"

namespace baton {

// rm -rf. Files that a rootless container's other users own (ids of /etc/subuid) are not ours to
// delete from out here; then it is done as root of a user namespace like the container's.
Status remove_tree_as_root(const std::string& path);

}  // namespace baton
