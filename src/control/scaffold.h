// Scaffold: a first baton.yaml for the code in a directory, as `baton init` writes it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace baton {

// What is known of a directory. Names that are not UTF-8 are left out.
struct ScaffoldFacts {
  std::string directory;                 // its own name
  std::vector<std::string> files;        // in it, sorted
  std::vector<std::string> directories;  // in it, sorted
  // Of programs and requirements in it and one level below ("src/model.py"): path and beginning.
  std::vector<std::pair<std::string, std::string>> contents;
};

// Looks at no more than 2000 names, and at the first 64 KiB of no more than 60 files. Follows no
// symlinks to directories and opens nothing but regular files. The error: the directory cannot be
// listed.
Result<ScaffoldFacts> look_at(const std::string& directory);

// A commented spec that parse_spec takes. Code::exists where a baton.yaml is there already.
Result<std::string> scaffold_spec(const ScaffoldFacts& facts);

}  // namespace baton
