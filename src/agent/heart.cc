#include "agent/heart.h"

#include "os/threads.h"

namespace baton {

Heart::Heart(Ledger& ledger, std::string job, int attempt, std::string agent, int64_t period_ms) {
  auto beat = [this, &ledger, job = std::move(job), attempt, agent = std::move(agent), period_ms] {
    // The claim itself says that the owner lives, so the first beat can wait one period.
    for (int64_t count = 1; !stop_.wait_ms(period_ms); ++count) {
      Status ignored = ledger.beat(job, attempt, Json{{"agent", agent}, {"count", count}});
      (void)ignored;  // the next beat tries again; being taken for dead costs time, not
                      // correctness
    }
  };
  start_thread(thread_, std::move(beat));
}

Heart::~Heart() {
  stop_.set();
  if (thread_.joinable()) thread_.join();
}

}  // namespace baton
