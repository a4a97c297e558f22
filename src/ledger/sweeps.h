// A sweep's records in the store. docs/store-format.md, section 11, is the contract.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/ledger.h"
#include "model/sweep.h"
#include "os/clock.h"
#include "store/store.h"

namespace baton {

// A sweep's history, read incrementally. Not thread-safe. What History (ledger.h) says of appending
// and of unknown outcomes holds here too.
class SweepHistory {
 public:
  // Called with every event as it is folded; see on_event().
  using Listener = std::function<void(const SweepEvent& event, const SweepState& after)>;

  SweepHistory(ObjectStore& store, Sweep sweep);
  const Sweep& sweep() const { return sweep_; }
  const SweepState& state() const { return state_; }
  // Reads the events that came since the last call.
  Status refresh();
  // Appends `event`; number, at_ms and, when empty, nonce are filled in. `accept` is asked whenever
  // somebody else's event came first.
  Result<SweepEvent> append(SweepEvent event, int64_t wall_ms,
                            const std::function<Status(const SweepState&)>& accept);
  // Has `listener` called with the events from now on; an earlier one is dropped.
  void on_event(Listener listener) { listener_ = std::move(listener); }

 private:
  Result<bool> read_next();
  Status take(const SweepEvent& event);
  Status settle_pending();

  ObjectStore* store_;
  Sweep sweep_;
  SweepState state_;
  Listener listener_;
  std::optional<SweepEvent> pending_;
};

// One line of a listing, from the hint that a driver leaves (summary.json), or else from the
// record.
struct SweepLine {
  std::string id, name;
  std::string state;       // "pending", "running", or the outcome of a sweep that has ended
  bool abandoned = false;  // counts as running, but its driver, a process of this machine, is gone
  std::string metric;
  int trials = 0;  // asked so far
  int max_trials = 0, closed = 0, failed = 0;
  int running = 0;  // 0 without a driver: what is open then waits for the next one
  std::optional<double> best;
  std::string problem;  // why it cannot be read, else ""
};

class SweepLedger {
 public:
  SweepLedger(ObjectStore& store, Clock& clock) : store_(store), clock_(clock) {}
  ObjectStore& store() { return store_; }
  Clock& clock() { return clock_; }

  // As Ledger::add_job and add_created.
  Status add_sweep(const Sweep& sweep);
  Status add_created(const Sweep& sweep, const std::string& code_object);
  // Reads the whole history; `listener` sees every event. Code::not_found, Code::corrupt,
  // Code::too_new.
  Result<SweepHistory> open(const std::string& id, SweepHistory::Listener listener = {});
  // id, name (the newest of that name), unique prefix of an id or of its last part, or "latest" →
  // id.
  Result<std::string> resolve(const std::string& word);
  // Ids, newest first.
  Result<std::vector<std::string>> ids();
  Result<std::vector<SweepLine>> list(size_t limit);

  // The heartbeat of the driver that wrote `claimed` event `number`.
  Status beat(const std::string& id, uint64_t number, const Json& content);
  Result<std::string> read_beat(const std::string& id, uint64_t number);

  // Hints: failing to write one hurts nothing; absent or damaged ones read as none.
  Status put_summary(const SweepHistory& history);
  Status put_tuner(const std::string& id, const SweepState& state, const Json& saved);
  struct SavedTuner {
    uint64_t events = 0;  // it has seen the events up to this one
    std::string nonce;    // of that event
    Json tuner;
  };
  std::optional<SavedTuner> read_tuner(const std::string& id);

  // Removes the sweep's own objects; its jobs are the caller's.
  Status remove(const std::string& id);

 private:
  Result<bool> exists(const std::string& id);
  std::string name_of(const std::string& id);
  SweepLine line_of(const std::string& id);

  ObjectStore& store_;
  Clock& clock_;
};

// The line of a sweep whose history is at hand.
SweepLine sweep_line(const Sweep& sweep, const SweepState& state);
// Whether the driver's process, of this very boot and pid namespace, is gone.
bool driver_is_gone(const SweepEvent& claimed);

}  // namespace baton
