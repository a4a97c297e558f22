#include "control/requests.h"

#include "base/text.h"

namespace baton {
namespace {

constexpr int64_t kPollMs = 100;

Error is_final_error(const Summary& summary, const std::string& id) {
  return {Code::invalid, "job " + id + " has ended already: " + state_name(summary.state),
          summary.state == State::succeeded ? "" : "`baton resume " + id + "` continues it"};
}

Event request(EventType type, const std::string& reason) {
  Event event;
  event.type = type;
  event.reason = reason;
  return event;
}

}  // namespace

Status end_as_lost(Ledger& ledger, History& history) {
  int attempt = history.summary().attempt;
  Event event = request(EventType::ended, "the agent is gone");
  event.outcome = Outcome::lost;
  event.attempt = attempt;
  auto accept = [&](const Summary& now) -> Status {
    if (now.state == State::running && now.attempt == attempt) return {};
    return Error{Code::fenced, "the attempt has ended", ""};
  };
  auto appended = history.append(event, ledger.clock().wall_ms(), accept);
  if (!appended && !appended.is(Code::fenced)) return appended.error();
  return history.refresh();
}

Status request_stop(Ledger& ledger, History& history, const std::string& reason) {
  auto accept = [&](const Summary& now) -> Status {
    if (is_final(now.state)) return is_final_error(now, history.job().id);
    return {};
  };
  BATON_TRY(accept(history.summary()));
  BATON_TRY(
      history.append(request(EventType::stop_requested, reason), ledger.clock().wall_ms(), accept));
  if (is_final(history.summary().state)) return ledger.settle(history);
  return {};
}

Status request_preempt(Ledger& ledger, History& history, const std::string& reason) {
  auto accept = [&](const Summary& now) -> Status {
    if (now.state == State::running) return {};
    if (is_final(now.state)) return is_final_error(now, history.job().id);
    return Error{Code::invalid,
                 "job " + history.job().id + " is not running, so there is nothing to preempt",
                 "`baton resume " + history.job().id + "` runs it"};
  };
  BATON_TRY(accept(history.summary()));
  BATON_TRY(history.append(request(EventType::preempt_requested, reason), ledger.clock().wall_ms(),
                           accept));
  return {};
}

Status request_resume(Ledger& ledger, History& history, const std::string& reason) {
  const Summary& summary = history.summary();
  if (!is_final(summary.state)) return {};
  const std::string& id = history.job().id;
  if (summary.state == State::succeeded)
    return Error{Code::invalid, "job " + id + " has succeeded: there is nothing left to resume",
                 "`baton run` starts a new job"};
  BATON_TRY(ledger.activate(history));
  auto accept = [&](const Summary&) -> Status {
    return Error{Code::exists, "job " + id + " was resumed by somebody else just now", ""};
  };
  auto resumed =
      history.append(request(EventType::resumed, reason), ledger.clock().wall_ms(), accept);
  if (resumed.is(Code::exists) && !is_final(history.summary().state)) return {};
  if (!resumed) return resumed.error();
  return {};
}

Status await_stopped(Ledger& ledger, History& history, int64_t ttl_ms,
                     const std::function<bool()>& waiting) {
  BeatWatch watch(ledger.clock(), ttl_ms);
  while (true) {
    BATON_TRY(history.refresh());
    const Summary& summary = history.summary();
    if (is_final(summary.state)) return ledger.settle(history);
    if (summary.state == State::running) {
      auto beat = ledger.read_beat(history.job().id, summary.attempt);
      if (!beat && !beat.is(Code::not_found)) return beat.error();
      bool gone = owner_is_gone(summary.attempts.back().claimed);
      if (gone || watch.stale(beat ? *beat : "")) {
        BATON_TRY(end_as_lost(ledger, history));
        continue;
      }
    }
    if (!waiting()) return Error{Code::cancelled, "stopped waiting for the job's end", ""};
    ledger.clock().sleep_ms(kPollMs);
  }
}

}  // namespace baton
