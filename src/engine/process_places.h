// Where a container's paths are when there is no container (the process engine).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace baton {

class ProcessPlaces {
 public:
  void add(const std::string& destination, const std::string& source);
  // The real place of a container's path.
  std::string inside(const std::string& path) const;
  // "K=V" of this process's own environment and of `env`, in which paths of the container, alone or
  // in a colon-separated list, have become real ones.
  std::vector<std::string> environment(
      const std::vector<std::pair<std::string, std::string>>& env) const;

 private:
  std::vector<std::pair<std::string, std::string>> map_;  // destination → source
};

// Copies throw-away mounts into work_dir and links mount points whose place is free. The links are
// written to work_dir/oci/links before they are made.
Result<ProcessPlaces> make_places(const ContainerSpec& spec);

// Removes the links of a container that still point where they were made to point.
Status remove_links(const std::string& record);

}  // namespace baton
