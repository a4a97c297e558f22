// The OCI runtime's config.json (runtime-spec 1.0.2) for a container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/cdi.h"
#include "engine/engine.h"
#include "engine/id_map.h"

namespace baton {

struct Bind {
  std::string source, destination;
  bool writable = false;
  bool is_file = false;
};

struct OciInput {
  std::string root;         // the mounted root filesystem
  std::vector<Bind> binds;  // parents before children; `throw_away` already resolved
  CdiEdits devices;
  bool single_id = false;  // only one user and group exist in the user namespace
  std::string machine;     // architecture, as uname(2) names it
};

Json oci_config(const ContainerSpec& spec, const OciInput& input);

}  // namespace baton
