// Finding jobs by listings alone: docs/store-format.md, section 4.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "ledger/markers.h"

namespace baton {
namespace {

constexpr size_t kAll = SIZE_MAX;
constexpr size_t kShownCandidates = 6;

// Every job that the listings name, newest first.
struct Named {
  std::string id, name;
  bool active = false;
  const IndexEntry* finished = nullptr;
};

std::vector<Named> merge(const Markers& markers) {
  std::vector<Named> jobs;
  for (const IndexEntry& entry : markers.finished)
    jobs.push_back({entry.job, entry.name, false, &entry});
  for (const ActiveMarker& marker : markers.active)
    jobs.push_back({marker.job, marker.name, true, nullptr});
  // Of a job in both, the active entry comes first and is kept.
  std::sort(jobs.begin(), jobs.end(), [](const Named& a, const Named& b) {
    return a.id != b.id ? a.id > b.id : a.active > b.active;
  });
  jobs.erase(std::unique(jobs.begin(), jobs.end(),
                         [](const Named& a, const Named& b) { return a.id == b.id; }),
             jobs.end());
  return jobs;
}

std::string_view last_part(std::string_view id) { return id.substr(id.rfind('-') + 1); }

Error ambiguous(const std::string& word, const std::vector<const Named*>& jobs) {
  std::string list;
  for (size_t i = 0; i < jobs.size() && i < kShownCandidates; ++i)
    list += fmt::format("{}{} ({})", i ? ", " : "", jobs[i]->id, jobs[i]->name);
  if (jobs.size() > kShownCandidates)
    list += fmt::format(" and {} more", jobs.size() - kShownCandidates);
  return {Code::invalid, fmt::format("\"{}\" fits {} jobs: {}", word, jobs.size(), list),
          "give more of the id"};
}

Error unknown(const std::string& word, const std::vector<Named>& jobs) {
  if (jobs.empty()) return {Code::not_found, "there is no job yet", "baton run starts one"};
  std::vector<std::string> words{"latest"};
  for (const Named& job : jobs) {
    words.push_back(job.id);
    words.push_back(job.name);
    words.emplace_back(last_part(job.id));
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  auto near = did_you_mean(word, words);
  return {Code::not_found, fmt::format("there is no job \"{}\"", printable(word)),
          near ? fmt::format("did you mean {}?", *near) : "baton ps lists all jobs"};
}

JobLine line_of(const IndexEntry& entry) {
  JobLine line;
  line.id = entry.job;
  line.name = entry.name;
  line.state = entry.state;
  line.attempts = entry.attempts;
  line.ran_ms = entry.ran_ms;
  return line;
}

}  // namespace

// Whether both records of a submission are there: a marker alone may be a submission or a removal
// under way.
Result<bool> Ledger::is_submitted(const std::string& job_id) {
  for (const std::string& key : {event_key(job_id, 1), job_key(job_id)}) {
    auto head = store_.head(key);
    if (head.is(Code::not_found)) return false;
    if (!head.ok()) return head.error();
  }
  return true;
}

Result<std::string> Ledger::resolve(const std::string& word) {
  if (is_job_id(word)) {
    BATON_ASSIGN(bool there, is_submitted(word));
    if (there) return word;
  }
  BATON_ASSIGN(Markers markers, list_markers(store_, word == "latest" ? 16 : kAll));
  const std::vector<Named> jobs = merge(markers);
  std::vector<const Named*> named, prefixed;
  for (const Named& job : jobs) {
    if (word == "latest" || job.name == word) named.push_back(&job);
    if (!word.empty() && (starts_with(job.id, word) || starts_with(last_part(job.id), word)))
      prefixed.push_back(&job);
  }
  for (const Named* job : named) {
    if (!job->active) return job->id;
    BATON_ASSIGN(bool there, is_submitted(job->id));
    if (there) return job->id;
  }
  if (prefixed.size() == 1) return prefixed[0]->id;
  if (prefixed.size() > 1) return ambiguous(word, prefixed);
  return unknown(word, jobs);
}

Result<std::vector<JobLine>> Ledger::list(size_t limit, bool trials) {
  BATON_ASSIGN(Markers markers, list_markers(store_, limit, trials));
  std::vector<JobLine> lines;
  for (const Named& job : merge(markers)) {
    bool newest = lines.size() < limit;
    if (!job.active) {
      if (newest) lines.push_back(line_of(*job.finished));
      continue;
    }
    BATON_ASSIGN(std::optional<JobLine> line, active_line(job.id, job.name));
    if (line && (newest || !is_final(line->state))) lines.push_back(std::move(*line));
  }
  return lines;
}

Result<std::optional<JobLine>> Ledger::active_line(const std::string& job_id,
                                                   const std::string& name) {
  JobLine line;
  line.id = job_id;
  line.name = name;
  line.active = true;
  auto history = open(job_id);
  if (history.is(Code::not_found)) return std::optional<JobLine>();
  if (history.is(Code::corrupt) || history.is(Code::too_new)) {
    line.problem = history.error().message;
    return std::optional(line);
  }
  if (!history.ok()) return history.error();
  const Summary& summary = history->summary();
  if (is_final(summary.state)) {
    Status ignored = settle(*history);  // whoever cannot write here still gets the list
    (void)ignored;
  }
  line.state = summary.state;
  line.attempts = summary.attempt;
  line.ran_ms = summary.ran_ms;
  return std::optional(line);
}

}  // namespace baton
