// Reading one CDI specification.
#pragma once

#include <string>
#include <vector>

#include "engine/cdi.h"

namespace baton {

struct CdiSpec {
  std::string kind;  // "vendor.com/class"
  CdiEdits edits;    // for every device of it
  struct Device {
    std::string name;  // without the kind
    CdiEdits edits;
  };
  std::vector<Device> devices;
};

// Parses hostile text, YAML or JSON. `file` names it in errors (Code::invalid; Code::unsupported
// for a version or an edit that is not known here, since leaving one out would give a broken
// device).
Result<CdiSpec> parse_cdi(const std::string& text, const std::string& file);

}  // namespace baton
