// Checking a whole store: its format, every job, the listings' markers, and code snapshots.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/check_job.h"
#include "ledger/check_sweep.h"
#include "ledger/code_object.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "os/files.h"

namespace baton {
namespace {

class StoreCheck {
 public:
  StoreCheck(ObjectStore& store, bool deep, const std::function<void(uint64_t)>& progress)
      : store_(store) {
    options_.deep = deep;
    options_.read = [this, &progress](uint64_t bytes) {
      done_ += bytes;
      if (progress) progress(done_);
    };
  }

  Result<std::vector<Finding>> run() {
    BATON_ASSIGN(bool known, check_format());
    if (!known) return std::move(findings_);
    BATON_TRY(check_top());
    // Markers before jobs: a job submitted meanwhile is then in neither or has its events.
    BATON_TRY(read_markers());
    BATON_TRY(check_jobs());
    BATON_TRY(check_sweeps(store_, options_, findings_, users_));
    BATON_TRY(check_code());
    return std::move(findings_);
  }

 private:
  void damage(const std::string& key, const std::string& kind, const std::string& meaning) {
    findings_.push_back({key, kind, meaning, false});
  }
  void leftover(const std::string& key, const std::string& kind, const std::string& meaning) {
    findings_.push_back({key, kind, meaning, true});
  }

  Result<bool> check_format() {
    Status status = check_store_format(store_, /*create=*/false);
    if (status.ok()) return true;
    if (status.is(Code::too_new)) {
      damage("baton.json", "newer format", status.error().message + "; use a newer baton");
      return false;
    }
    if (!status.is(Code::corrupt)) return status.error();
    BATON_ASSIGN(ListPage top, store_.list("", {.directories = true}));
    auto holds = [&](const char* name) {
      return std::any_of(top.objects.begin(), top.objects.end(),
                         [&](const ObjectInfo& entry) { return entry.key == name; });
    };
    const bool there = holds("baton.json");
    // Somebody's files, not a store.
    if (!there && !holds("jobs/") && !holds("sweeps/"))
      return Error{Code::corrupt, status.error().message,
                   "it is no store of baton's: name the directory or prefix that is one"};
    damage(
        "baton.json", there ? "damaged format file" : "missing format file",
        fmt::format("no command but this one works on the store ({}); put back {{\"format\": {}}}",
                    status.error().message, kFormatVersion));
    return true;
  }

  Status check_top() {
    return for_each_object(store_, "", {.directories = true}, [&](const ObjectInfo& entry) {
      static const std::set<std::string> kKnown = {"baton.json", "jobs/",  "code/",
                                                   "active/",    "index/", "sweeps/"};
      if (!kKnown.contains(entry.key))
        leftover(entry.key, kUnknownObject, "baton writes nothing of this name and never reads it");
      return true;
    });
  }

  Status read_markers() {
    BATON_TRY(for_each_object(store_, "active/", {.limit = 10'000, .sizes = false},
                              [&](const ObjectInfo& object) {
                                auto marker = parse_active_key(object.key);
                                if (marker)
                                  active_[marker->job].push_back(*marker);
                                else
                                  unknown_marker(object.key);
                                return true;
                              }));
    return for_each_object(store_, "index/", {.limit = 10'000, .sizes = false},
                           [&](const ObjectInfo& object) {
                             auto entry = parse_index_key(object.key);
                             if (entry)
                               index_[entry->job].push_back(*entry);
                             else
                               unknown_marker(object.key);
                             return true;
                           });
  }

  void unknown_marker(const std::string& key) {
    leftover(key, kUnknownObject, "its name is none of a marker, and listings pass over it");
  }

  Status check_jobs() {
    std::set<std::string> ids;
    BATON_TRY(for_each_object(
        store_, "jobs/", {.limit = 10'000, .directories = true}, [&](const ObjectInfo& entry) {
          std::string id = split(entry.key, '/')[1];
          if (is_job_id(id) && ends_with(entry.key, "/"))
            ids.insert(id);
          else
            leftover(entry.key, kUnknownObject, "its name is none of a job, and it is never read");
          return true;
        }));
    for (const std::string& id : ids) {
      auto finished = newest_entry(id);
      BATON_ASSIGN(JobFacts facts, check_job(store_, id, finished, options_));
      std::move(facts.findings.begin(), facts.findings.end(), std::back_inserter(findings_));
      BATON_TRY(check_markers(facts, finished));
      note_code(facts);
    }
    for (const auto& [id, markers] : active_)
      if (!ids.contains(id))
        leftover(active_key(markers.front()), "unfinished removal",
                 fmt::format("job {} was removed but for this marker; baton rm {} takes it away",
                             id, id));
    for (const auto& [id, entries] : index_)
      if (!ids.contains(id))
        damage(index_key(entries.front()), "missing job",
               fmt::format("baton ps lists job {}, of which nothing is left; put it back from a "
                           "copy of the store, or take the "
                           "entry away with baton rm {}",
                           id, id));
    return {};
  }

  std::optional<IndexEntry> newest_entry(const std::string& job) const {
    auto entries = index_.find(job);
    if (entries == index_.end()) return std::nullopt;
    return *std::max_element(
        entries->second.begin(), entries->second.end(),
        [](const IndexEntry& a, const IndexEntry& b) { return a.number < b.number; });
  }

  // Compares active/ and index/ with what the job's history says; a history that lags behind them
  // is check_job's to tell.
  Status check_markers(const JobFacts& facts, const std::optional<IndexEntry>& finished) {
    if (!facts.recorded || !facts.readable || (finished && finished->number > facts.summary.events))
      return {};
    uint64_t active = 0;
    for (const ActiveMarker& marker : active_[facts.id]) active = std::max(active, marker.number);
    return is_final(facts.summary.state) ? check_final(facts, finished, active)
                                         : check_open(facts, active);
  }

  Status check_open(const JobFacts& facts, uint64_t active) {
    if (active >= facts.stretch) return {};
    const std::string key = active_key({facts.id, facts.name, facts.stretch});
    auto head = store_.head(key);  // resumed since the listing?
    if (!head.is(Code::not_found)) return head.ok() ? Status() : Status(head.error());
    damage(key, "missing marker",
           fmt::format("job {} is {}, but listings do not show it; baton resume {} goes on with it "
                       "all the same",
                       facts.id, state_name(facts.summary.state), facts.id));
    return {};
  }

  Status check_final(const JobFacts& facts, const std::optional<IndexEntry>& finished,
                     uint64_t active) {
    const char* state = state_name(facts.summary.state);
    if (finished && finished->number == facts.summary.events &&
        (finished->state != facts.summary.state || finished->attempts != facts.summary.attempt))
      damage(index_key(*finished), "wrong marker",
             fmt::format("baton ps shows job {} as {} after {} attempts, but it is {} after {}, as "
                         "baton show tells",
                         facts.id, state_name(finished->state), finished->attempts, state,
                         facts.summary.attempt));
    if (active > facts.summary.events) {
      leftover(active_key({facts.id, facts.name, active}), "unfinished resuming",
               fmt::format("job {} is {} and was about to be resumed; the marker goes when it is "
                           "resumed or removed",
                           facts.id, state));
    } else if (active > 0) {
      leftover(
          active_key({facts.id, facts.name, active}), "unfinished ending",
          fmt::format("job {} is {}; the next baton ps takes its marker away", facts.id, state));
    } else if (!finished || finished->number < facts.summary.events) {
      // It may have ended since the listing.
      BATON_ASSIGN(
          ListPage again,
          store_.list("index/", {.after = "index/" + facts.id, .limit = 1, .sizes = false}));
      if (!again.objects.empty() && marker_job(again.objects[0].key) == facts.id) return {};
      damage("index/" + facts.id, "missing marker",
             fmt::format("job {} is {}, but listings do not show it; baton show {} does", facts.id,
                         state, facts.id));
    }
    return {};
  }

  void note_code(const JobFacts& facts) {
    if (!facts.recorded || facts.code_tree.empty()) return;
    if (!facts.code_object)
      trees_.insert(facts.code_tree);
    else if (!facts.code_object->empty())
      users_[*facts.code_object].push_back(
          {facts.id, facts.code_tree, is_final(facts.summary.state)});
  }

  Status check_code() {
    std::set<std::string> standing;
    Status status;
    BATON_TRY(for_each_object(store_, "code/", {}, [&](const ObjectInfo& object) {
      std::string name = base_name(object.key);
      if (starts_with(object.key, "code/condemned/")) {
        leftover(object.key, "unfinished collection",
                 "a garbage collection is going on or was cut off; at worst that snapshot is "
                 "stored once more");
      } else if (code_hash(name).empty() || object.key != code_key(name)) {
        leftover(object.key, kUnknownObject,
                 "its name is none of a code snapshot, and it is never read");
      } else {
        standing.insert(object.key);
        status = check_object(object.key);
      }
      return status.ok();
    }));
    BATON_TRY(status);
    for (const auto& [key, users] : users_) {
      if (standing.contains(key)) continue;
      auto head = store_.head(key);  // submitted since the listing?
      if (head.is(Code::not_found))
        damage(key, "missing code", what_it_means(users, "is gone"));
      else if (!head.ok())
        return head.error();
    }
    return {};
  }

  Status check_object(const std::string& key) {
    Status good = check_code_object(store_, key, options_);
    if (!good.ok() && !good.is(Code::corrupt) && !good.is(Code::too_new)) return good;
    auto users = users_.find(key);
    bool used = users != users_.end();
    if (!good.ok() && used)
      damage(key, "damaged code",
             good.error().message + "; " + what_it_means(users->second, "cannot be read"));
    else if (!good.ok())
      leftover(key, "damaged code", good.error().message + "; no job uses it");
    else if (!used && !trees_.contains(code_hash(base_name(key))))
      leftover(key, "unused code", "no job refers to this snapshot; baton store gc removes it");
    return {};
  }

  static std::string what_it_means(const std::vector<CodeUser>& users, const std::string& what) {
    std::string jobs;
    bool open = false;
    for (size_t i = 0; i < users.size() && i < 5; ++i) jobs += (i ? ", " : "") + users[i].job;
    if (users.size() > 5) jobs += fmt::format(" and {} more", users.size() - 5);
    for (const CodeUser& user : users) open = open || !user.final;
    return fmt::format(
        "the code of job {} {}, so it cannot be {}; put the object back from a copy of the store, "
        "or submit again",
        jobs, what, open ? "run any further" : "reproduced; its results are not affected");
  }

  ObjectStore& store_;
  CheckOptions options_;
  uint64_t done_ = 0;
  std::vector<Finding> findings_;
  std::map<std::string, std::vector<ActiveMarker>> active_;
  std::map<std::string, std::vector<IndexEntry>> index_;
  CodeUsers users_;              // by object
  std::set<std::string> trees_;  // that submissions under way refer to
};

}  // namespace

Result<std::vector<Finding>> check_store(ObjectStore& store, bool deep,
                                         const std::function<void(uint64_t done)>& progress) {
  return StoreCheck(store, deep, progress).run();
}

}  // namespace baton
