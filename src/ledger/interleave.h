// For tests: runs several actors on one store, one store operation at a time, in an order that a
// seed decides. The same seed gives the same run.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"

namespace baton {

class Interleaver {
 public:
  Interleaver(ObjectStore& store, uint64_t seed) : store_(store), random_(seed) {}
  ~Interleaver();
  // Adds an actor. Its code runs only while it has the turn, which it gives up before every
  // operation of the store that it is handed; so actors may share what they like. Must not throw.
  void add(std::function<void(ObjectStore&)> actor);
  // Runs all actors to their ends; `check` sees every operation done, while nobody runs.
  void run(const std::function<void(const std::string& operation, const std::string& key)>& check);

 private:
  class Handle;
  static constexpr size_t kNobody = SIZE_MAX;

  void wait_turn(size_t actor);
  void end(size_t actor);

  ObjectStore& store_;
  std::mt19937_64 random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t turn_ = kNobody;
  std::vector<size_t> waiting_;
  std::string operation_, key_;
  std::vector<std::thread> threads_;
  std::vector<std::function<void(ObjectStore&)>> actors_;
};

}  // namespace baton
