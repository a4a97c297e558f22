// What attempts keep on this machine below HOME/run, and clearing up after those whose agent died.
//
//   <job>-<attempt>/        directories of the attempt, and the engine's record of its cgroups
//   <job>-<attempt>.lock    locked by the attempt's agent for as long as it lives
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "os/fd.h"

namespace baton {

// Marks the attempt as alive for as long as the descriptor is open. Waits while another agent,
// which took the new file for a leftover, holds it; it removes the file at once.
Result<Fd> lock_attempt(const std::string& home, const std::string& job, int attempt);

// Removes what the attempt has here: container, cgroups, directories, lock. The record of what
// could not be removed stays for the next call. Precondition: the caller holds the lock.
Status clear_attempt(const std::string& home, const std::string& job, int attempt);

// Moves what the program has written and no commit holds, the directories `parts` of an attempt,
// out of what is cleared; gives where they are then: HOME/kept/<job>-<attempt>. Nothing removes
// them but people. Error where one of them could not be moved.
Result<std::string> keep_directories(const std::string& home, const std::string& job, int attempt,
                                     const std::vector<std::string>& parts);

// Clears every attempt in `home` whose agent is gone, whichever job's it is. What cannot be cleared
// now is warned of and stays for the next time. Returns how many attempts were cleared. Of `job`
// ("": none) it waits a few seconds for what another process may be clearing at this moment: its
// next attempt must not start beside what is left of the last one.
int sweep_machine(const std::string& home, Log& log, const std::string& job = "");

}  // namespace baton
