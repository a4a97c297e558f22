// Names of objects in the store, as docs/store-format.md lays them out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/event.h"

namespace baton {

// What a bucket was tried with, left by one who was killed before its first use.
constexpr char kProbePrefix[] = "probe/";

std::string job_prefix(const std::string& job);     // "jobs/<job>/"
std::string job_key(const std::string& job);        // "jobs/<job>/job.json"
std::string events_prefix(const std::string& job);  // "jobs/<job>/events/"
std::string event_key(const std::string& job, uint64_t number);
std::string beat_key(const std::string& job, int attempt);
// `stream` is "logs" or "metrics".
std::string stream_key(const std::string& job, const std::string& stream, int attempt,
                       uint64_t offset);

// "jobs/<job>/events/00000012.json" → 12, and so for a sweep's; none for anything else in events/.
std::optional<uint64_t> event_number(std::string_view key);

std::string sweep_key(const std::string& sweep);            // "sweeps/<sweep>/sweep.json"
std::string sweep_events_prefix(const std::string& sweep);  // "sweeps/<sweep>/events/"
std::string sweep_event_key(const std::string& sweep, uint64_t number);
std::string sweep_beat_key(const std::string& sweep, uint64_t number);
// `hint` is "summary" or "tuner".
std::string sweep_hint_key(const std::string& sweep, const std::string& hint);

// active/<job>~<name>~<number>: the job is not final, or was not at event `number` - 1.
struct ActiveMarker {
  std::string job, name;
  uint64_t number = 0;
};
std::string active_key(const ActiveMarker& marker);
std::optional<ActiveMarker> parse_active_key(std::string_view key);

// index/<job>~<name>~<state>~<attempts>~<ran_ms>~<number>: the job was final after event `number`.
struct IndexEntry {
  std::string job, name;
  State state = State::succeeded;
  int attempts = 0;
  int64_t ran_ms = 0;
  uint64_t number = 0;
};
std::string index_key(const IndexEntry& entry);
std::optional<IndexEntry> parse_index_key(std::string_view key);

// The job that the key of a marker in active/ or index/ is about, without looking at the rest.
std::string_view marker_job(std::string_view key);

}  // namespace baton
