// Symlinks that lead out of the tree in which they stand.
#pragma once

#include <map>
#include <set>
#include <string>

namespace baton {

// `links`: targets by the links' paths, relative to the tree's root; all links of the tree. Gives
// the paths of those that leave the tree when they are followed as the kernel does, also where they
// do so through another link ("d -> .", "x -> d/d/../../../etc"), that are absolute, or of which
// more than 40 follow one another (Linux gives up there).
std::set<std::string> outward_links(const std::map<std::string, std::string>& links);

// What people are told of one that is left out of the results.
std::string outside_text(const std::string& path);

}  // namespace baton
