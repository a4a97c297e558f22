// A job's way through the store: submitted, settled, resumed. docs/store-format.md, section 4,
// gives the orders of writes and why they are safe.
#include "ledger/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/keys.h"
#include "ledger/markers.h"

namespace baton {
namespace {

constexpr size_t kPage = 1000;

Status remove_older_entries(ObjectStore& store, const IndexEntry& entry) {
  BATON_ASSIGN(auto keys, markers_of(store, "index/", entry.job));
  for (const std::string& key : keys) {
    auto other = parse_index_key(key);
    if (!other || other->number < entry.number) BATON_TRY(store.remove(key));
  }
  return {};
}

Error no_job(const std::string& id) {
  return {Code::not_found, "there is no job " + printable(id), "baton ps lists all jobs"};
}

}  // namespace

Result<uint64_t> last_listed_event(ObjectStore& store, const std::string& prefix) {
  uint64_t last = 0;
  BATON_TRY(for_each_object(store, prefix, {.limit = kPage, .sizes = false},
                            [&](const ObjectInfo& object) {
                              last = std::max(last, event_number(object.key).value_or(0));
                              return true;
                            }));
  return last;
}

Status Ledger::add_job(const Job& job) {
  const std::string bytes = encode_job(job);
  BATON_TRY(decode_job(bytes, "the job's record"));  // what cannot be read back must not be written
  if (bytes.size() > kMaxJobBytes)
    return Error{Code::invalid,
                 fmt::format("the job's record would be {} bytes, more than {} are not read",
                             bytes.size(), kMaxJobBytes),
                 "make the spec smaller"};
  Status created = store_.create(job_key(job.id), bytes);
  if (!created.is(Code::exists)) return created;
  BATON_ASSIGN(std::string there, store_.get(job_key(job.id), kMaxJobBytes));
  return there == bytes ? Status() : created;
}

Status Ledger::add_created(const Job& job, const std::string& code_object) {
  auto begun = begin(job, code_object);
  return begun.ok() ? Status() : Status(begun.error());
}

Result<History> Ledger::begin(const Job& job, const std::string& code_object) {
  Status marked = store_.create(active_key({job.id, listed_name(job), 1}), "");
  if (!marked.ok() && !marked.is(Code::exists)) return marked.error();
  History history(store_, job);
  Event created;
  created.type = EventType::created;
  created.nonce =
      job.nonce;  // the same on every try, so that a repeated submission finds its own event
  created.name = listed_name(job);
  created.code_object = code_object;
  auto appended = history.append(created, clock_.wall_ms(), [&](const Summary&) {
    return Error{
        Code::exists,
        fmt::format("the submission of job {} was given up by a garbage collector", job.id),
        "submit it again"};
  });
  if (!appended.ok()) return appended.error();
  return history;
}

Result<History> Ledger::open(const std::string& job_id) {
  if (!is_job_id(job_id)) return no_job(job_id);
  auto bytes = store_.get(job_key(job_id), kMaxJobBytes);
  const std::string what = "the record of job " + job_id;
  if (bytes.is(Code::not_found)) return no_job(job_id);
  if (bytes.is(Code::invalid)) return Error{Code::corrupt, what + " is too large to be one", ""};
  if (!bytes.ok()) return bytes.error();
  BATON_ASSIGN(Job job, decode_job(*bytes, what));
  if (job.id != job_id) return Error{Code::corrupt, what + " is that of job " + job.id, ""};
  BATON_ASSIGN(uint64_t last, last_listed_event(store_, events_prefix(job_id)));
  if (last == 0) return no_job(job_id);
  History history(store_, std::move(job));
  // The listing is complete, so nobody needs to ask for an event behind its last one.
  for (bool more = true; more && history.summary().events < last;) {
    BATON_ASSIGN(more, history.read_next());
  }
  if (history.summary().events < last)
    return Error{Code::corrupt,
                 fmt::format("event {} of job {} is missing, event {} is there",
                             history.summary().events + 1, job_id, last),
                 "baton store check tells more"};
  return history;
}

Status Ledger::settle(const History& history) {
  const Summary& summary = history.summary();
  const std::string& job = history.job().id;
  if (!is_final(summary.state))
    return Error{Code::invalid,
                 fmt::format("job {} is {}, not finished", job, state_name(summary.state)), ""};
  IndexEntry entry{job,           summary.name, summary.state, summary.attempt, summary.ran_ms,
                   summary.events};
  Status written = store_.create(index_key(entry), "");
  if (!written.ok() && !written.is(Code::exists)) return written;
  // A removal that began after the final event looks for entries once more when job.json is gone;
  // one that did so before this entry stood has removed job.json by now.
  auto removed = store_.head(job_key(job));
  if (removed.is(Code::not_found)) return store_.remove(index_key(entry));
  if (!removed.ok()) return removed.error();
  std::vector<uint64_t> stretches;  // events that began one; each had its marker
  for (const Event& event : history.events())
    if (event.type == EventType::created || event.type == EventType::resumed)
      stretches.push_back(event.number);
  if (stretches.size() > 1) BATON_TRY(remove_older_entries(store_, entry));
  for (uint64_t number : stretches)
    BATON_TRY(store_.remove(active_key({job, summary.name, number})));
  return {};
}

Status Ledger::activate(const History& history) {
  const Summary& summary = history.summary();
  if (!is_final(summary.state))
    return Error{Code::invalid,
                 fmt::format("job {} is {}: there is nothing to resume", history.job().id,
                             state_name(summary.state)),
                 ""};
  Status marked =
      store_.create(active_key({history.job().id, summary.name, summary.events + 1}), "");
  return marked.is(Code::exists) ? Status() : marked;
}

}  // namespace baton
