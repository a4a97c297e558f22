// Which GPUs of this machine a container has to itself, among all agents of one $BATON_HOME.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/cdi.h"
#include "engine/engine.h"
#include "os/fd.h"

namespace baton {

// Ends with the object or with the process.
struct Reservation {
  std::vector<std::string> names;  // the spec's own devices, and the GPUs picked
  std::vector<Fd> locks;
};

// Picks `spec.gpus` free GPUs of one kind, the lowest-numbered first, and reserves them. Devices
// that the spec names are not reserved, since naming is how containers share one; but they are not
// picked for another container meanwhile. Code::unsupported where the machine has fewer GPUs,
// Code::transient with the holders where too few are free now.
Result<Reservation> reserve_devices(const CdiRegistry& registry, const ContainerSpec& spec);

}  // namespace baton
