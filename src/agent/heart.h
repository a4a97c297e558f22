// The heartbeat: tells other machines that this attempt's owner lives.
#pragma once

#include <string>
#include <thread>

#include "ledger/ledger.h"
#include "net/http.h"

namespace baton {

// Beats from its own thread until destroyed. A failing store is no reason to stop: safety never
// rests on the beat.
class Heart {
 public:
  Heart(Ledger& ledger, std::string job, int attempt, std::string agent, int64_t period_ms);
  ~Heart();
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;
  // False where no thread could be had.
  bool beats() const { return thread_.joinable(); }

 private:
  Cancel stop_;
  std::thread thread_;
};

}  // namespace baton
