// A container's filesystem on the machine's side: which directories are made in its work_dir and
// what is mounted there before the runtime starts.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/cgroup.h"
#include "engine/engine.h"
#include "engine/oci_config.h"
#include "engine/plan.h"

namespace baton {

// Everything of an oci container stands in work_dir/oci. On the disk that is what programs may
// fill. In the container's mount namespace memory is mounted over it, for what the runtime needs:
// that goes without being removed, and costs no disk anything.
std::string oci_dir(const std::string& work_dir);

// Checks destinations and sources; sorts so that parents come before what is mounted in them.
// Code::invalid where a mount point would have to be made in read-only data.
Result<std::vector<Mount>> checked_mounts(const ContainerSpec& spec);

struct OciLayout {
  std::string root;         // where the root filesystem is mounted
  std::vector<Bind> binds;  // for the runtime
};

// Makes the directories that are on the disk; `plan` makes and mounts the rest.
Result<OciLayout> lay_out(const ContainerSpec& spec, const Cgroup& cgroup, Plan& plan);

// The machine's own root (RootFs::host), read-only with private places for what programs write.
Status lay_out_host_root(const ContainerSpec& spec, const std::string& root,
                         const std::vector<Mount>& mounts, Plan& plan);

}  // namespace baton
