// Taking jobs away, and finishing what was cut short: docs/store-format.md, section 4.
#include <fmt/format.h>

#include <set>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "ledger/markers.h"

namespace baton {
namespace {

Status remove_all(ObjectStore& store, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) BATON_TRY(store.remove(key));
  return {};
}

Result<std::vector<std::string>> keys_below(ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> keys;
  BATON_TRY(for_each_object(store, prefix, {.limit = 10'000, .sizes = false},
                            [&](const ObjectInfo& object) {
                              keys.push_back(object.key);
                              return true;
                            }));
  return keys;
}

// When a job was submitted by the clock of its submitter: the first 13 characters of its id.
std::string time_part(std::string_view id) { return std::string(id.substr(0, 13)); }

Error still_running(const Summary& summary, const std::string& job) {
  return {Code::invalid, fmt::format("job {} is running, attempt {} has it", job, summary.attempt),
          "stop it first: baton stop " + job};
}

// Makes a job that no agent has unclaimable.
Status stop_pending(History& history, int64_t wall_ms) {
  const std::string& job = history.job().id;
  if (history.summary().state == State::running) return still_running(history.summary(), job);
  if (is_final(history.summary().state)) return {};
  Event stop;
  stop.type = EventType::stop_requested;
  stop.reason = "removed";
  bool stopped_by_another = false;
  auto appended = history.append(stop, wall_ms, [&](const Summary& summary) -> Status {
    if (summary.state == State::running) return still_running(summary, job);
    stopped_by_another = is_final(summary.state);
    return stopped_by_another ? Status(Error{Code::exists, "job " + job + " has ended", ""})
                              : Status();
  });
  return appended.ok() || stopped_by_another ? Status() : Status(appended.error());
}

}  // namespace

Status Ledger::remove_job(const std::string& job_id) {
  if (!is_job_id(job_id))
    return Error{Code::not_found, "there is no job " + printable(job_id),
                 "baton ps lists all jobs"};
  auto history = open(job_id);
  if (history.ok()) {
    BATON_TRY(stop_pending(*history, clock_.wall_ms()));
  } else if (!history.is(Code::not_found) && !history.is(Code::corrupt)) {
    return history.error();
  }
  return remove_objects(job_id);
}

Status Ledger::remove_objects(const std::string& job_id) {
  BATON_ASSIGN(auto markers, markers_of(store_, "active/", job_id));
  BATON_ASSIGN(auto entries, markers_of(store_, "index/", job_id));
  BATON_ASSIGN(auto objects, keys_below(store_, job_prefix(job_id)));
  if (markers.empty() && entries.empty() && objects.empty())
    return Error{Code::not_found, "there is no job " + job_id, "baton ps lists all jobs"};
  if (markers.empty()) {
    markers.push_back(active_key({job_id, "removed", 0}));
    Status marked = store_.create(markers.back(), "");
    if (!marked.ok() && !marked.is(Code::exists)) return marked;
  }
  BATON_TRY(remove_all(store_, entries));
  BATON_TRY(store_.remove(job_key(job_id)));
  BATON_TRY(remove_all(store_, objects));
  // Whoever was still finishing the job may have written its entry meanwhile (Ledger::settle).
  BATON_ASSIGN(entries, markers_of(store_, "index/", job_id));
  BATON_TRY(remove_all(store_, entries));
  return remove_all(store_, markers);
}

// Puts `created` in the submitter's place and stops the job. Should the submitter still live, its
// own `created` loses. False when the submission turns out complete.
Result<bool> Ledger::abandon(const Job& job) {
  Status marked = store_.create(active_key({job.id, listed_name(job), 1}), "");
  if (!marked.ok() && !marked.is(Code::exists)) return marked.error();
  History history(store_, job);
  BATON_TRY(history.refresh());
  // The submitter's own event has the job's nonce; another one is ours, cut short before the stop.
  if (!history.events().empty() && history.events()[0].nonce == job.nonce) return false;
  auto refuse = [](const Summary&) { return Error{Code::exists, "somebody else was faster", ""}; };
  std::vector<Event> missing(2);
  missing[0].type = EventType::created;
  missing[0].name = listed_name(job);
  missing[1].type = EventType::stop_requested;
  missing[1].reason = "its submission was cut off before it was complete";
  for (size_t i = history.events().size(); i < missing.size(); ++i) {
    auto appended = history.append(missing[i], clock_.wall_ms(), refuse);
    if (appended.is(Code::exists)) return false;
    if (!appended.ok()) return appended.error();
  }
  if (is_final(history.summary().state)) BATON_TRY(settle(history));
  return true;
}

Result<bool> Ledger::tidy_job(const std::string& job_id) {
  auto bytes = store_.get(job_key(job_id), kMaxJobBytes);
  if (bytes.is(Code::not_found)) {
    BATON_TRY(remove_objects(job_id));
    return true;
  }
  if (!bytes.ok()) return bytes.error();
  auto job = decode_job(*bytes, "the record of job " + job_id);
  if (!job.ok() || job->id != job_id) return false;  // damaged: store check says so
  BATON_ASSIGN(auto events, keys_below(store_, events_prefix(job_id)));
  return events.size() <= 1 ? abandon(*job) : Result<bool>(false);
}

Result<int> Ledger::tidy(int64_t older_ms) {
  const std::string limit = time_part(new_job_id(clock_.wall_ms() - older_ms));
  BATON_ASSIGN(Markers markers, list_markers(store_, SIZE_MAX));
  std::set<std::string> open_ends;
  BATON_TRY(for_each_object(store_, "jobs/", {.limit = 100'000, .directories = true},
                            [&](const ObjectInfo& object) {
                              std::vector<std::string> parts = split(object.key, '/');
                              if (parts.size() == 3 && is_job_id(parts[1]))
                                open_ends.insert(parts[1]);
                              return true;
                            }));
  for (const IndexEntry& entry : markers.finished) open_ends.erase(entry.job);
  for (const ActiveMarker& marker : markers.active) open_ends.insert(marker.job);
  int tidied = 0;
  for (const std::string& job : open_ends) {
    if (time_part(job) >= limit) break;
    BATON_ASSIGN(bool changed, tidy_job(job));
    tidied += changed ? 1 : 0;
  }
  return tidied;
}

}  // namespace baton
