// Which Debian packages a program needs, from what it imports. Internal to scaffold.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "control/scaffold.h"

namespace baton {

struct Needs {
  std::set<std::string> packages;  // of Debian 13 (trixie)
  std::set<std::string> unknown;   // modules that no known package has
};

// Python's imports and requirements.txt. Modules of the directory's own and of the standard library
// need nothing.
Needs python_needs(const ScaffoldFacts& facts);
// Octave's `pkg load NAME`.
Needs octave_needs(const ScaffoldFacts& facts);
// R's library(NAME) and require(NAME).
Needs r_needs(const ScaffoldFacts& facts);

}  // namespace baton
