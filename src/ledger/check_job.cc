// A job's record and history. docs/store-format.md says what each crash leaves behind; that is no
// damage.
#include "ledger/check_job.h"

#include <fmt/format.h>

#include "base/text.h"
#include "ledger/data_listing.h"
#include "ledger/keys.h"

namespace baton {
namespace {

constexpr int kLooks = 4;

void damage(JobFacts& facts, const std::string& key, const std::string& kind,
            const std::string& meaning) {
  facts.findings.push_back({key, kind, meaning, false});
}
void leftover(JobFacts& facts, const std::string& key, const std::string& kind,
              const std::string& meaning) {
  facts.findings.push_back({key, kind, meaning, true});
}

Result<JobObjects> list_objects(ObjectStore& store, const std::string& prefix) {
  JobObjects objects;
  BATON_TRY(for_each_object(store, prefix, {.limit = 10'000}, [&](const ObjectInfo& object) {
    objects[object.key.substr(prefix.size())] = object.size;
    return true;
  }));
  return objects;
}

bool known_name(const std::string& name) {
  for (const char* folder :
       {"events/", "beats/", "logs/", "metrics/", "commits/", "blobs/", "start/", "data/"})
    if (starts_with(name, folder)) return true;
  return name == "job.json";
}

class JobCheck {
 public:
  JobCheck(ObjectStore& store, const std::string& job, const std::optional<IndexEntry>& finished,
           const CheckOptions& options)
      : store_(store), prefix_(job_prefix(job)), finished_(finished), options_(options) {
    facts_.id = job;
  }

  Result<JobFacts> run() {
    BATON_ASSIGN(objects_, list_objects(store_, prefix_));
    BATON_TRY(read_record());
    BATON_TRY(read_events());
    explain_missing_record();
    for (const auto& [name, size] : objects_)
      if (!known_name(name))
        leftover(facts_, prefix_ + name, kUnknownObject,
                 "baton writes nothing of this name and never reads it");
    if (facts_.recorded && !facts_.cut_off) {
      check_streams(objects_, facts_);
      BATON_TRY(check_commits(store_, objects_, job_, options_, facts_));
      if (submitted_ && job_.sweep.empty())
        BATON_TRY(check_listings(store_, job_, "job " + facts_.id, options_, facts_.findings));
    }
    return std::move(facts_);
  }

 private:
  // The object's bytes, or nothing where it is gone.
  Result<std::optional<std::string>> read(const std::string& name, uint64_t limit) {
    auto bytes = store_.get(prefix_ + name, limit);
    if (bytes.is(Code::not_found)) return std::optional<std::string>();
    if (bytes.is(Code::invalid))
      return std::optional<std::string>("");  // too large: decoding will fail
    if (!bytes.ok()) return bytes.error();
    options_.read(bytes->size());
    return std::optional(std::move(*bytes));
  }

  Status read_record() {
    BATON_ASSIGN(auto bytes, read("job.json", kMaxJobBytes));
    if (!bytes) return {};
    auto job = decode_job(*bytes, "job.json");
    if (job.is(Code::too_new)) {
      damage(facts_, prefix_ + "job.json", "newer format",
             fmt::format("job {} was submitted by a newer baton; use that to work with it",
                         facts_.id));
    } else if (!job.ok() || job->id != facts_.id) {
      damage(
          facts_, prefix_ + "job.json", "damaged job",
          fmt::format("job {} cannot be shown, run or resumed ({}); put job.json back from a copy "
                      "of the store, or give "
                      "the job up with baton rm {}",
                      facts_.id, job.ok() ? "it is the record of another job" : job.error().message,
                      facts_.id));
    } else {
      job_ = std::move(*job);
      facts_.recorded = true;
      facts_.code_tree = job_.code_tree;
      facts_.name = listed_name(job_);
    }
    record_there_ = true;
    return {};
  }

  Status read_events() {
    uint64_t last = 0;
    for (const auto& [name, size] : objects_) {
      if (!starts_with(name, "events/")) continue;
      auto number = event_number(prefix_ + name);
      if (!number) {
        leftover(facts_, prefix_ + name, kUnknownObject,
                 "its name is none of an event, and it is never read");
        continue;
      }
      if (*number != last + 1) gap(last + 1, *number - 1);
      last = *number;
      BATON_TRY(read_event(*number));
    }
    facts_.readable = last > 0 && last == facts_.summary.events;
    if (finished_ && record_there_ && finished_->number > last) {
      damage(facts_, event_key(facts_.id, last + 1), "missing events",
             fmt::format("job {} was {} after event {}, but its history ends with event {}; put "
                         "the events back from a copy of the store",
                         facts_.id, state_name(finished_->state), finished_->number, last));
    } else if (last == 0 && record_there_) {
      facts_.cut_off = true;
      if (facts_.recorded)
        leftover(facts_, prefix_ + "job.json", "unfinished submission",
                 fmt::format(
                     "job {} was being submitted; unless that is still going on, submit it again",
                     facts_.id));
    }
    return {};
  }

  void gap(uint64_t from, uint64_t to) {
    std::string what = from == to ? fmt::format("event {} is", from)
                                  : fmt::format("events {} to {} are", from, to);
    damage(facts_, event_key(facts_.id, from), "gap in events",
           fmt::format("{} missing from job {}, so its history ends before; put it back from a "
                       "copy of the store, or give the "
                       "job up with baton rm {}",
                       what, facts_.id, facts_.id));
  }

  Status read_event(uint64_t number) {
    std::string key = event_key(facts_.id, number);
    BATON_ASSIGN(auto bytes, read(key.substr(prefix_.size()), kMaxEventBytes));
    if (!bytes) return {};  // removed meanwhile: the next look tells
    auto event = decode_event(*bytes, key);
    Status allowed = event.ok() ? Status() : Status(event.error());
    std::string kind = event.is(Code::too_new) ? "newer format" : "damaged event";
    if (event.ok() && number == facts_.summary.events + 1) {
      allowed = may_follow(facts_.summary, *event);
      kind = "impossible event";
    }
    if (!allowed.ok()) {
      damage(facts_, key, kind,
             fmt::format("the history of job {} ends before event {}: {}; put it back from a copy "
                         "of the store, or give the job up "
                         "with baton rm {}",
                         facts_.id, number, allowed.error().message, facts_.id));
      return {};
    }
    if (number != facts_.summary.events + 1) return {};  // behind something missing or damaged
    apply(facts_.summary, *event, job_.spec.retries, job_.spec.max_preemptions);
    if (event->type == EventType::created) {
      facts_.code_object = event->code_object;
      submitted_ = event->nonce == job_.nonce;
    }
    if (event->type == EventType::created || event->type == EventType::resumed)
      facts_.stretch = number;
    return {};
  }

  // A removal begins only when the job has ended and takes, in this order, the entry in the listing
  // of finished jobs, job.json, and the rest by name. Without job.json the fold knows of no
  // retries, and calls ended what may be.
  void explain_missing_record() {
    if (record_there_ || objects_.empty()) return;
    if (!finished_ && (facts_.summary.events == 0 || is_final(facts_.summary.state))) {
      facts_.findings.clear();
      facts_.cut_off = true;
      leftover(
          facts_, prefix_, "unfinished removal",
          fmt::format(
              "job {} was being removed; unless that is still going on, finish it with baton rm {}",
              facts_.id, facts_.id));
      return;
    }
    damage(facts_, prefix_ + "job.json", "missing job",
           fmt::format("job {} is {}, but what it is to run is lost; put job.json back from a copy "
                       "of the store, or give the "
                       "job up with baton rm {}",
                       facts_.id, state_name(facts_.summary.state), facts_.id));
  }

  ObjectStore& store_;
  const std::string prefix_;
  const std::optional<IndexEntry>& finished_;
  const CheckOptions& options_;
  JobObjects objects_;
  Job job_;
  bool record_there_ = false;
  bool submitted_ = false;  // by its submitter, not given up by a collector
  JobFacts facts_;
};

// How far the job is: moves with every event, and when job.json comes or goes.
Result<std::pair<bool, uint64_t>> position(ObjectStore& store, const std::string& job) {
  auto record = store.head(job_key(job));
  if (!record.ok() && !record.is(Code::not_found)) return record.error();
  uint64_t events = 0;
  BATON_TRY(for_each_object(store, events_prefix(job), {.limit = 10'000, .sizes = false},
                            [&](const ObjectInfo& object) {
                              events += event_number(object.key) ? 1 : 0;
                              return true;
                            }));
  return std::pair(record.ok(), events);
}

}  // namespace

Result<JobFacts> check_job(ObjectStore& store, const std::string& job,
                           const std::optional<IndexEntry>& finished, const CheckOptions& options) {
  for (int look = 1;; ++look) {
    BATON_ASSIGN(auto before, position(store, job));
    BATON_ASSIGN(JobFacts facts, JobCheck(store, job, finished, options).run());
    BATON_ASSIGN(auto after, position(store, job));
    // What was found in a job that moves may be what its owner has just cleaned away.
    if (facts.findings.empty() || before == after || look == kLooks) return facts;
  }
}

}  // namespace baton
