#include "agent/policy.h"

#include <algorithm>

namespace baton {
namespace {

constexpr double kScanBytesPerMs = 500e3;
constexpr int64_t kFixedMs = 300;
constexpr double kEntryMs = 0.03;  // of each file or directory, however small
constexpr double kSafety = 1.5;

}  // namespace

Outcome classify(const EndFacts& facts) {
  switch (facts.cause) {
    case StopCause::notice:
      return Outcome::preempted;
    case StopCause::stop:
      return Outcome::stopped;
    case StopCause::timeout:
      return Outcome::timeout;
    case StopCause::none:
      break;
  }
  if (facts.oom_killed && !facts.exit.success()) return Outcome::oom;
  return facts.exit.success() ? Outcome::succeeded : Outcome::failed;
}

bool ended_by_itself(const EndFacts& facts) {
  if (facts.killed_by_agent || facts.exit.signal != 0) return false;
  if (facts.oom_killed && facts.exit.code != 0) return false;
  return facts.signal_sent == 0 || facts.exit.code != 128 + facts.signal_sent;
}

bool wants_final_commit(const EndFacts& end, const CommitFacts& facts) {
  if (!facts.anything_changed) return false;
  if (ended_by_itself(end) && end.exit.code == 0) return true;
  if (facts.program_commits) return false;
  if (facts.checkpoint_used && !facts.checkpoint_changed) return false;
  return ended_by_itself(end) || facts.was_quiet;
}

bool wants_periodic_commit(const CommitFacts& facts) {
  if (facts.program_commits || !facts.anything_changed || !facts.was_quiet) return false;
  return !facts.checkpoint_used || facts.checkpoint_changed;
}

void CommitClock::record(uint64_t bytes, uint64_t new_bytes, int64_t took_ms) {
  samples_.push_back({bytes, new_bytes, std::max<int64_t>(took_ms, 1)});
  if (samples_.size() > 5) samples_.pop_front();
}

int64_t CommitClock::predict_ms(uint64_t bytes, uint64_t entries) const {
  const double by_entries = kEntryMs * static_cast<double>(entries);
  if (samples_.empty())
    return kFixedMs + static_cast<int64_t>(static_cast<double>(bytes) / assumed_ + by_entries);
  // The slowest rate and the largest share of new bytes seen lately.
  double write = 0, scan = 0, share = 0, slowest_fixed = 0;
  for (const Sample& s : samples_) {
    double ms = static_cast<double>(s.ms);
    if (s.new_bytes >= (1 << 20)) {
      double rate = static_cast<double>(s.new_bytes) / ms;
      write = write == 0 ? rate : std::min(write, rate);
    } else {
      if (s.bytes >= (1 << 20)) {
        double rate = static_cast<double>(s.bytes) / ms;
        scan = scan == 0 ? rate : std::min(scan, rate);
      } else {
        slowest_fixed = std::max(slowest_fixed, ms);
      }
    }
    if (s.bytes > 0)
      share = std::max(share, static_cast<double>(s.new_bytes) / static_cast<double>(s.bytes));
  }
  if (write == 0) write = assumed_;
  if (scan == 0) scan = kScanBytesPerMs;
  double total = static_cast<double>(bytes);
  double ms = total / scan + total * share / write + slowest_fixed;
  return kFixedMs + static_cast<int64_t>(std::max(kSafety * ms, by_entries));
}

int64_t counted_ms(const std::vector<Event>& events) {
  int64_t counted = 0;
  for (const Event& event : events) {
    const bool ended = event.type == EventType::ended;
    if (ended) counted += event.ran_ms;
    if (event.type == EventType::resumed || (ended && event.outcome == Outcome::timeout))
      counted = 0;
  }
  return counted;
}

int64_t kill_time_ms(int64_t now, int64_t deadline, int64_t predicted_commit_ms) {
  int64_t left = std::max<int64_t>(deadline - now, 0);
  int64_t tenth = left / 10;
  int64_t for_commit = std::clamp(predicted_commit_ms, tenth, left - tenth);
  return deadline - for_commit;
}

}  // namespace baton
