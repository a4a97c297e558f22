// What a sweep's driver does next: a pure function of what is recorded and of what runs.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "model/sweep.h"

namespace baton {

struct SweepFacts {
  std::set<uint64_t> running;   // trials that an agent works on
  std::set<uint64_t> stopping;  // those of them that were asked to end
  int slots = 1;                // how many this machine has room for, >= 1
  int64_t used_ms = 0;          // time spent on the sweep so far
  bool leaving = false;         // this machine is going: hand over, the sweep goes on elsewhere
  bool dry = false;             // the optimiser has nothing to suggest before something changes
  std::string exhausted;        // why it has nothing to suggest at all, where that is so
};

struct SweepStep {
  enum class Kind {
    wait,     // until an agent ends or somebody asks for something
    ask,      // ask the optimiser for a trial and start it
    attend,   // bring the open trial `trial` on: make its job, run it, or close it
    stop,     // ask trial `trial` to commit and end
    release,  // ask all agents to hand their jobs over
    end,      // record the end, with `outcome` and `reason`
    leave,    // end this process; the sweep has not ended
  };
  Kind kind = Kind::wait;
  uint64_t trial = 0;
  SweepOutcome outcome = SweepOutcome::complete;
  std::string reason;
};

// The limit that has been reached, or none.
std::optional<SweepStep> reached_limit(const SweepState& state, const SweepFacts& facts,
                                       bool maximize);
SweepStep next_step(const SweepState& state, const SweepFacts& facts, bool maximize);

}  // namespace baton
