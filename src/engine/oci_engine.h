// The oci engine's parts that tests and `baton doctor` choose.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace baton {

struct OciOptions {
  std::string runtime;  // full path of crun or runc; "": found in PATH, crun first
  // Lowest precedence first; $BATON_CDI_DIRS (colon-separated) replaces the default.
  std::vector<std::string> cdi_directories;
};

std::unique_ptr<Engine> make_oci_engine(OciOptions options);

}  // namespace baton
