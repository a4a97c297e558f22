// A decorator that breaks things on purpose: crash tests put it between baton and a real store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "store/store.h"

namespace baton {

enum class Fault {
  none,
  kill_before,   // the whole process dies (SIGKILL to itself) before the operation
  kill_after,    // … after the operation took effect, before its caller learns of it
  lost_reply,    // the operation takes effect, the caller gets Code::transient
  error_before,  // nothing happens, the caller gets Code::transient
  no_space,      // nothing happens, the caller gets Code::no_space
  torn,          // put/create writes half of a temporary file and the process dies
};

// Decides for every operation, in order, from its number (from 0), name ("create", "put", …) and
// key. Called under a lock.
using FaultPlan =
    std::function<Fault(uint64_t number, const char* operation, const std::string& key)>;

// `die` is what the kill faults do: by default SIGKILL to this process; tests inside one process
// throw. An empty plan breaks nothing.
std::unique_ptr<ObjectStore> make_fault_store(std::unique_ptr<ObjectStore> inner, FaultPlan plan,
                                              std::function<void()> die = nullptr);

// The plan of $BATON_TEST_FAULTS, for the real binary under test:
// "seed=17,kill=0.02,lost=0.05,error=0.05,torn=0.01" (probabilities per writing operation), or
// "at=12:kill_before" for one exact place; an empty plan when the text is empty. The fault of an
// operation depends on nothing but seed and number, so a run can be replayed; who restarts a killed
// process gives the next one another seed, or it dies at the same place again.
Result<FaultPlan> parse_fault_plan(const std::string& text);

// Retries Code::transient up to `tries` times with exponential back-off and jitter from `sleep_ms`.
std::unique_ptr<ObjectStore> make_retry_store(std::unique_ptr<ObjectStore> inner, int tries,
                                              std::function<void(int64_t)> sleep_ms);

}  // namespace baton
