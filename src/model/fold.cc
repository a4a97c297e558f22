// The state machine of a job: which event may follow which, and what it does.
#include <fmt/format.h>

#include "model/event.h"

namespace baton {

const char* state_name(State state) {
  switch (state) {
    case State::pending:
      return "pending";
    case State::running:
      return "running";
    case State::succeeded:
      return "succeeded";
    case State::failed:
      return "failed";
    case State::stopped:
      return "stopped";
  }
  return "";
}

bool is_final(State state) { return state != State::pending && state != State::running; }

namespace {

Error broken(const Event& event, const std::string& why) {
  return {
      Code::corrupt,
      fmt::format("event {} ({}) cannot be: {}", event.number, event_type_name(event.type), why),
      ""};
}

Status may_follow_in_attempt(const Summary& summary, const Event& event) {
  if (summary.state != State::running)
    return broken(event, fmt::format("the job is {}", state_name(summary.state)));
  if (event.attempt != summary.attempt)
    return broken(event, fmt::format("attempt {} is over, attempt {} has the job", event.attempt,
                                     summary.attempt));
  if (event.type == EventType::started && summary.attempts.back().started)
    return broken(event, fmt::format("attempt {} has started already", event.attempt));
  if (event.type != EventType::committed || summary.commits.empty()) return {};
  auto last = parse_commit_name(summary.commits.back().commit),
       next = parse_commit_name(event.commit);
  if (last && next && next->seq <= last->seq)
    return broken(event, fmt::format("commit {} comes after commit {}", event.commit,
                                     summary.commits.back().commit));
  return {};
}

void end_attempt(Summary& summary, const Event& event, int retries,
                 std::optional<int> max_preemptions) {
  summary.attempts.back().ended = event;
  summary.outcome = event.outcome;
  summary.reason = event.reason;
  summary.exit_code = event.exit_code;
  summary.exit_signal = event.exit_signal;
  summary.ran_ms += event.ran_ms;
  bool more = false;
  switch (event.outcome) {
    case Outcome::succeeded:
      summary.state = State::succeeded;
      return;
    case Outcome::stopped:
      summary.state = State::stopped;
      return;
    case Outcome::preempted:
    case Outcome::lost:
      ++summary.preemptions;
      ++summary.recent_preemptions;
      more = !max_preemptions || summary.recent_preemptions <= *max_preemptions;
      break;
    case Outcome::failed:
    case Outcome::oom:
    case Outcome::timeout:
      ++summary.failures;
      ++summary.recent_failures;
      more = summary.recent_failures <= retries;
      break;
  }
  summary.state = summary.stop_requested ? State::stopped : more ? State::pending : State::failed;
}

void begin_attempt(Summary& summary, const Event& event) {
  if (summary.state == State::running) {
    Event lost;
    lost.number = event.number;
    lost.type = EventType::ended;
    lost.at_ms = event.at_ms;
    lost.attempt = summary.attempt;
    lost.outcome = Outcome::lost;
    lost.reason = fmt::format("taken over by attempt {}", event.attempt);
    summary.outcome = lost.outcome;
    summary.reason = lost.reason;
    summary.exit_code = summary.exit_signal = 0;
    summary.attempts.back().ended = std::move(lost);
    ++summary.preemptions;
    ++summary.recent_preemptions;
  }
  summary.state = State::running;
  summary.attempt = event.attempt;
  summary.preempt_requested = false;
  AttemptSummary attempt;
  attempt.attempt = event.attempt;
  attempt.claimed = event;
  summary.attempts.push_back(std::move(attempt));
}

void request_stop(Summary& summary, const Event& event) {
  summary.stop_requested = true;
  if (summary.state == State::running) return;
  summary.state = State::stopped;
  summary.outcome = Outcome::stopped;
  summary.reason = event.reason;
  summary.exit_code = summary.exit_signal = 0;
}

}  // namespace

Status may_follow(const Summary& summary, const Event& event) {
  if (event.number != summary.events + 1)
    return broken(event, fmt::format("number {} is next", summary.events + 1));
  if ((event.type == EventType::created) != (summary.events == 0))
    return broken(event, "a history begins with created");
  switch (event.type) {
    case EventType::created:
      return {};
    case EventType::claimed:
      if (is_final(summary.state))
        return broken(event, fmt::format("the job is {}", state_name(summary.state)));
      if (event.attempt == summary.attempt + 1) return {};
      return broken(event, fmt::format("attempt {} is next", summary.attempt + 1));
    case EventType::stop_requested:
      if (is_final(summary.state))
        return broken(event, fmt::format("the job is {}", state_name(summary.state)));
      return {};
    case EventType::preempt_requested:
      if (summary.state != State::running)
        return broken(event, fmt::format("the job is {}", state_name(summary.state)));
      return {};
    case EventType::resumed:
      if (summary.state == State::failed || summary.state == State::stopped) return {};
      return broken(event, fmt::format("the job is {}", state_name(summary.state)));
    case EventType::started:
    case EventType::committed:
    case EventType::noticed:
    case EventType::ended:
      return may_follow_in_attempt(summary, event);
  }
  return broken(event, "its type is unknown");
}

void apply(Summary& summary, const Event& event, int retries, std::optional<int> max_preemptions) {
  summary.events = event.number;
  summary.changed_ms = event.at_ms;
  switch (event.type) {
    case EventType::created:
      summary.name = event.name;
      summary.code_object = event.code_object;
      summary.created_ms = event.at_ms;
      break;
    case EventType::claimed:
      begin_attempt(summary, event);
      break;
    case EventType::started:
      summary.attempts.back().started = event;
      break;
    case EventType::committed:
      summary.commits.push_back(event);
      ++summary.attempts.back().commits;
      break;
    case EventType::noticed:
      if (!summary.attempts.back().noticed) summary.attempts.back().noticed = event;
      break;
    case EventType::stop_requested:
      request_stop(summary, event);
      break;
    case EventType::preempt_requested:
      summary.preempt_requested = true;
      break;
    case EventType::ended:
      end_attempt(summary, event, retries, max_preemptions);
      break;
    case EventType::resumed:
      summary.state = State::pending;
      summary.stop_requested = false;
      summary.recent_preemptions = summary.recent_failures = 0;
      break;
  }
}

}  // namespace baton
