// Where root filesystems are made and removed: in namespaces of their own, so that nothing stays
// mounted or running when the maker dies, and without root in a user namespace.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace baton {

// Who the files of an image made by this process belong to: "root" as Debian says, "user" shifted
// into the user's range of ids.
std::string image_owner();

// What to put before a command so that it is root in mount and pid namespaces of its own and is
// killed, with everything that it started, when the process in front of it dies. Code::unsupported,
// with what to install or change, where this machine does not allow it.
Result<std::vector<std::string>> namespace_prefix();

// Removes a tree whose files may belong to other ids of the user's range. Absent is success.
Status remove_image_tree(const std::string& path);

// Bytes that a tree takes on disk.
Result<uint64_t> image_tree_size(const std::string& path);

}  // namespace baton
