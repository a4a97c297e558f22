// For tests: runs several actors on one store, one store operation at a time, in an order that a
// seed decides. The same seed gives the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"

namespace baton {

// What an actor is handed: the store, and a way to let others go first.
class ActorStore : public ObjectStore {
 public:
  // Gives up the turn until others have done so many operations, or have all ended or rest as well.
  virtual void rest(uint64_t operations) = 0;
};

class Interleaver {
 public:
  Interleaver(ObjectStore& store, uint64_t seed) : store_(store), random_(seed) {}
  ~Interleaver();
  // Adds an actor. Its code runs only while it has the turn, which it gives up before every
  // operation of the store that it is handed; so actors may share what they like. Must not throw.
  void add(std::function<void(ActorStore&)> actor);
  // Runs all actors to their ends; `check` sees every operation done, while nobody runs.
  void run(const std::function<void(const std::string& operation, const std::string& key)>& check);

 private:
  class Handle;
  static constexpr size_t kNobody = SIZE_MAX;
  struct Actor {
    std::function<void(ActorStore&)> body;
    std::binary_semaphore turn{0};
    std::thread thread;
    bool waiting = false;
    uint64_t rests_until = 0;  // number of operations
  };

  void wait_turn(size_t actor);
  // Returns who has it now; kNobody when all have ended.
  size_t pass_turn(size_t self);
  // Who may go on, in order.
  std::vector<size_t> candidates();

  ObjectStore& store_;
  std::mt19937_64 random_;
  std::deque<Actor> actors_;
  // Passed on with the turn, so that only one thread uses them at a time.
  uint64_t operations_ = 0;
  std::function<void(const std::string&, const std::string&)> check_;
  std::binary_semaphore all_ended_{0};
};

}  // namespace baton
