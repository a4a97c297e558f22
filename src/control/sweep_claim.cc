// Becoming a sweep's driver: docs/store-format.md, section 11.
#include <fmt/format.h>

#include "control/sweep_driver.h"

namespace baton {

Status SweepDriver::open(const std::string& sweep) {
  auto note = [this](const SweepEvent& event, const SweepState&) { events_.push_back(event); };
  BATON_ASSIGN(history_, parts_.sweeps.open(sweep, note));
  history_->on_event([this](const SweepEvent& event, const SweepState& after) {
    events_.push_back(event);
    dry_ = false;
    parts_.view.event(event, after);
  });
  return {};
}

// Waits until the present driver is known to be gone; Code::fenced when it lives, and false when
// this process is asked to end before that.
Result<bool> SweepDriver::await_driver() {
  const SweepState& state = history_->state();
  if (!state.driver || driver_is_gone(*state.driver)) return true;
  const SweepEvent driver = *state.driver;
  const std::string& id = sweep().base.id;
  Error taken{Code::fenced,
              fmt::format("sweep {} is being run by process {} on {}", id, driver.pid, driver.host),
              "`baton sweep stop " + id + "` ends it; more trials for it: `baton sweep resume " +
                  id + " --trials N` extends it where it runs"};
  if (driver.boot == parts_.identity.boot) return taken;
  parts_.view.tell(
      fmt::format("process {} on {} may still run this sweep; watching its heartbeat for {} s",
                  driver.pid, driver.host, parts_.times.beat_ttl / 1000));
  BeatWatch watch(parts_.clock, parts_.times.beat_ttl);
  while (true) {
    BATON_ASSIGN(std::string beat, parts_.sweeps.read_beat(id, driver.number));
    if (watch.stale(beat)) return true;
    BATON_ASSIGN(auto news, parts_.runner.wait(0));
    if (news.stop || news.leave) return false;
    parts_.clock.sleep_ms(std::min<int64_t>(200, parts_.times.beat_ttl / 4 + 1));
    uint64_t before = state.events;
    BATON_TRY(history_->refresh());
    if (state.events != before) return taken;  // it writes: it lives
  }
}

Status SweepDriver::claim() {
  SweepEvent claimed;
  claimed.type = SweepEventType::claimed;
  claimed.agent = parts_.identity.agent;
  claimed.host = parts_.identity.host;
  claimed.boot = parts_.identity.boot;
  claimed.machine = parts_.identity.machine;
  claimed.pid = parts_.identity.pid;
  claimed.pid_start = parts_.identity.pid_start;
  const std::string before = state().driver ? state().driver->agent : "";
  auto accept = [&](const SweepState& now) -> Status {
    if ((now.driver ? now.driver->agent : "") == before) return {};
    return Error{Code::fenced, "another process has just begun to run this sweep", ""};
  };
  BATON_ASSIGN(SweepEvent done, history_->append(claimed, parts_.clock.wall_ms(), accept));
  agent_ = claimed.agent;
  claim_ = done.number;
  return {};
}

Status SweepDriver::rebuild_tuner() {
  planned_ = state().max_trials;
  auto saved = parts_.sweeps.read_tuner(sweep().base.id);
  bool usable = saved && saved->events >= 1 && saved->events <= events_.size() &&
                events_[saved->events - 1].nonce == saved->nonce;
  BATON_ASSIGN(tuner_,
               SweepTuner::rebuild(sweep(), state(), events_, usable ? &saved->tuner : nullptr,
                                   usable ? saved->events : 0));
  if (tuner_->started_afresh())
    parts_.view.tell(
        "this baton suggests otherwise than the one that began the sweep; it goes on with what the "
        "trials so far have shown");
  return {};
}

}  // namespace baton
