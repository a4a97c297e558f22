#include "ledger/keys.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/ids.h"
#include "base/text.h"
#include "model/job.h"

namespace baton {
namespace {

constexpr std::string_view kActive = "active/";
constexpr std::string_view kIndex = "index/";

template <class Number>
bool read_number(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

// "<a>~<b>~…" behind `prefix`, when it has `count` parts and begins with a job's id and name.
std::vector<std::string> marker_parts(std::string_view key, std::string_view prefix, size_t count) {
  if (!starts_with(key, prefix)) return {};
  auto parts = split(key.substr(prefix.size()), '~');
  if (parts.size() != count || !is_job_id(parts[0]) || !is_listed_name(parts[1])) return {};
  return parts;
}

}  // namespace

std::string job_prefix(const std::string& job) { return "jobs/" + job + "/"; }
std::string job_key(const std::string& job) { return job_prefix(job) + "job.json"; }
std::string events_prefix(const std::string& job) { return job_prefix(job) + "events/"; }

std::string event_key(const std::string& job, uint64_t number) {
  return fmt::format("jobs/{}/events/{:08}.json", job, number);
}

std::string beat_key(const std::string& job, int attempt) {
  return fmt::format("jobs/{}/beats/{}.json", job, attempt);
}

std::string stream_key(const std::string& job, const std::string& stream, int attempt,
                       uint64_t offset) {
  return fmt::format("jobs/{}/{}/{}/{:012}", job, stream, attempt, offset);
}

std::optional<uint64_t> event_number(std::string_view key) {
  std::string_view name = key.substr(key.rfind('/') + 1);
  uint64_t number = 0;
  if (name.size() != 13 || !ends_with(name, ".json")) return std::nullopt;
  if (!read_number(name.substr(0, 8), number) || number == 0) return std::nullopt;
  return number;
}

std::string sweep_key(const std::string& sweep) { return "sweeps/" + sweep + "/sweep.json"; }

std::string sweep_events_prefix(const std::string& sweep) { return "sweeps/" + sweep + "/events/"; }

std::string sweep_event_key(const std::string& sweep, uint64_t number) {
  return fmt::format("{}{:08}.json", sweep_events_prefix(sweep), number);
}

std::string sweep_beat_key(const std::string& sweep, uint64_t number) {
  return fmt::format("sweeps/{}/beats/{}.json", sweep, number);
}

std::string sweep_hint_key(const std::string& sweep, const std::string& hint) {
  return "sweeps/" + sweep + "/" + hint + ".json";
}

std::string active_key(const ActiveMarker& marker) {
  return fmt::format("{}{}~{}~{:08}", kActive, marker.job, marker.name, marker.number);
}

std::optional<ActiveMarker> parse_active_key(std::string_view key) {
  auto parts = marker_parts(key, kActive, 3);
  ActiveMarker marker;
  if (parts.empty() || !read_number(parts[2], marker.number)) return std::nullopt;
  marker.job = parts[0];
  marker.name = parts[1];
  return marker;
}

std::string index_key(const IndexEntry& entry) {
  return fmt::format("{}{}~{}~{}~{}~{}~{:08}", kIndex, entry.job, entry.name,
                     state_name(entry.state), entry.attempts, entry.ran_ms, entry.number);
}

std::optional<IndexEntry> parse_index_key(std::string_view key) {
  auto parts = marker_parts(key, kIndex, 6);
  IndexEntry entry;
  if (parts.empty() || !read_number(parts[3], entry.attempts) ||
      !read_number(parts[4], entry.ran_ms) || !read_number(parts[5], entry.number))
    return std::nullopt;
  bool known = false;
  for (State state : {State::succeeded, State::failed, State::stopped}) {
    if (parts[2] != state_name(state)) continue;
    entry.state = state;
    known = true;
  }
  entry.job = parts[0];
  entry.name = parts[1];
  return known ? std::optional(entry) : std::nullopt;
}

std::string_view marker_job(std::string_view key) {
  std::string_view name = key.substr(key.find('/') + 1);
  return name.substr(0, name.find('~'));
}

}  // namespace baton
