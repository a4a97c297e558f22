// Doctor: what this machine can do, and for each thing that it cannot, the command that fixes it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "control/settings.h"
#include "engine/engine.h"

namespace baton {

struct Check {
  enum class Grade {
    good,
    lacking,  // something works less well, or a kind of job cannot run
    broken,   // no job can run
  };
  std::string name;  // "container runtime"
  Grade grade = Grade::good;
  std::string found;  // what is there
  std::string fix;    // a command or a sentence; "" when good
};

const char* grade_name(Check::Grade grade);

// Looks at the machine: takes up to a few seconds, changes nothing that lasts.
std::vector<Check> examine(Engine& engine, const Environment& environment,
                           const Settings& settings);

}  // namespace baton
