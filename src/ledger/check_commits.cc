// A job's kept commits: manifests and the blobs they name; and what no kept commit names.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "ledger/blob_codec.h"
#include "ledger/check_job.h"
#include "ledger/keys.h"

namespace baton {
namespace {

class CommitsCheck {
 public:
  CommitsCheck(ObjectStore& store, const JobObjects& objects, const Job& job,
               const CheckOptions& options, JobFacts& facts)
      : store_(store),
        objects_(objects),
        job_(job),
        options_(options),
        facts_(facts),
        prefix_("jobs/" + job.id + "/") {}

  Status run() {
    kept_ = kept_commits(facts_.summary, job_.spec.checkpoint_keep);
    for (size_t i = 0; i < kept_.size(); ++i) BATON_TRY(check_commit(i));
    if (!problems_.empty()) forget_what_is_no_longer_kept();
    for (const auto& [name, problem] : problems_)
      if (!problem.commits.empty()) report(name, problem);
    if (facts_.readable && !manifest_lost_) report_leftovers();
    return {};
  }

 private:
  struct Problem {
    std::string kind, what;
    std::set<size_t> commits;  // kept ones, by index
  };

  void note(const std::string& name, const std::string& kind, const std::string& what,
            size_t commit) {
    problems_.try_emplace(name, Problem{kind, what, {}}).first->second.commits.insert(commit);
    broken_.insert(commit);
  }

  Status check_commit(size_t index) {
    const Event& event = kept_[index];
    const std::string name = "commits/" + event.commit + ".json";
    mentioned_.insert(name);
    auto manifest = read_manifest(store_, job_.id, event);
    if (!manifest.ok()) {
      manifest_lost_ = true;
      bool missing = manifest.is(Code::not_found);
      if (!missing && !manifest.is(Code::corrupt) && !manifest.is(Code::too_new))
        return manifest.error();
      std::string kind = missing                      ? "missing manifest"
                         : manifest.is(Code::too_new) ? "newer format"
                                                      : "damaged manifest";
      note(name, kind, manifest.error().message, index);
      return {};
    }
    auto size = objects_.find(name);
    options_.read(size == objects_.end() ? 0 : size->second);
    for (const Blob& blob : manifest->blobs) BATON_TRY(check_blob(blob, manifest->seed, index));
    return {};
  }

  Status check_blob(const Blob& blob, uint64_t seed, size_t commit) {
    const std::string name = blob_key(job_.id, blob.attempt, blob.hash).substr(prefix_.size());
    // A blob that two commits describe alike is read once.
    const std::string description =
        fmt::format("{} {} {} {} {} {} {}", name, blob.size, blob.stored, blob.zstd, seed,
                    blob.sum[0], blob.sum[1]);
    auto [it, fresh] = verdicts_.try_emplace(description);
    if (fresh) {
      mentioned_.insert(name);
      BATON_ASSIGN(it->second, judge(name, blob, seed));
    }
    if (!it->second.first.empty()) note(name, it->second.first, it->second.second, commit);
    return {};
  }

  // Kind and explanation of what is wrong, empty when nothing is.
  Result<std::pair<std::string, std::string>> judge(const std::string& name, const Blob& blob,
                                                    uint64_t seed) {
    using Verdict = std::pair<std::string, std::string>;
    auto object = objects_.find(name);
    if (object == objects_.end()) return Verdict("missing blob", "it is not there");
    if (object->second != blob.stored)
      return Verdict(object->second < blob.stored ? "truncated blob" : "damaged blob",
                     fmt::format("it has {} bytes instead of {}", object->second, blob.stored));
    if (!options_.deep) return Verdict();
    BATON_TRY(buffer_.reserve(blob.stored));
    auto size = store_.read_into(prefix_ + name, buffer_.data(), blob.stored);
    if (size.is(Code::not_found)) return Verdict("missing blob", "it is not there");
    if (!size.ok() && !size.is(Code::invalid)) return size.error();
    options_.read(blob.stored);
    auto plain = decoder_.decode(blob, seed, buffer_.view(0, size.ok() ? *size : 0), "it");
    if (plain.ok() && sha256_hex(*plain) == blob.hash) return Verdict();
    return Verdict("damaged blob",
                   plain.ok() ? "its bytes are not what its name says" : plain.error().message);
  }

  // Beside a live job: its owner cleans up only after the event that makes a commit an old one.
  void forget_what_is_no_longer_kept() {
    Summary now = facts_.summary;
    while (true) {
      auto bytes = store_.get(event_key(job_.id, now.events + 1), kMaxEventBytes);
      if (!bytes.ok()) break;
      auto event = decode_event(*bytes, "an event");
      if (!event.ok() || !may_follow(now, *event).ok()) break;
      apply(now, *event, job_.spec.retries, job_.spec.max_preemptions);
    }
    auto still = kept_commits(now, job_.spec.checkpoint_keep);
    for (size_t i = 0; i < kept_.size(); ++i) {
      bool kept = std::any_of(still.begin(), still.end(),
                              [&](const Event& event) { return event.commit == kept_[i].commit; });
      if (kept) continue;
      gone_.insert(i);
      for (auto& [name, problem] : problems_) problem.commits.erase(i);
    }
  }

  void report(const std::string& name, const Problem& problem) {
    std::string commits;
    for (size_t index : problem.commits)
      commits += (commits.empty() ? "" : ", ") + kept_[index].commit;
    facts_.findings.push_back(
        {prefix_ + name, problem.kind,
         fmt::format("{}; commit {} of job {} cannot be restored{}; {}", problem.what, commits,
                     job_.id,
                     problem.commits.contains(kept_.size() - 1) ? ", and it is the last one" : "",
                     advice()),
         false});
  }

  std::string advice() const {
    for (size_t i = kept_.size(); i-- > 0;)
      if (!broken_.contains(i) && !gone_.contains(i))
        return fmt::format("put the object back from a copy of the store; commit {} is whole",
                           kept_[i].commit);
    return "put the object back from a copy of the store; no commit of the job is whole";
  }

  // Beside a running attempt its own unmentioned objects are a capture under way.
  void report_leftovers() {
    bool running = facts_.summary.state == State::running;
    std::string own_blobs = fmt::format("blobs/{}/", facts_.summary.attempt),
                own_end = fmt::format("-{}.json", facts_.summary.attempt);
    for (const char* folder : {"commits/", "blobs/"}) {
      uint64_t count = 0, bytes = 0;
      for (auto it = objects_.lower_bound(folder);
           it != objects_.end() && starts_with(it->first, folder); ++it) {
        bool own = starts_with(it->first, own_blobs) ||
                   (starts_with(it->first, "commits/") && ends_with(it->first, own_end));
        if (mentioned_.contains(it->first) || (running && own)) continue;
        ++count;
        bytes += it->second;
      }
      if (count == 0) continue;
      facts_.findings.push_back(
          {prefix_ + folder, "unused objects",
           fmt::format(
               "{} ({}) in no commit that job {} keeps; baton store gc removes what is unused",
               count == 1 ? "1 object" : fmt::format("{} objects", count), human_size(bytes),
               job_.id),
           true});
    }
  }

  ObjectStore& store_;
  const JobObjects& objects_;
  const Job& job_;
  const CheckOptions& options_;
  JobFacts& facts_;
  const std::string prefix_;
  std::vector<Event> kept_;
  std::map<std::string, Problem> problems_;  // by name
  std::set<size_t> broken_, gone_;
  bool manifest_lost_ = false;  // then nobody knows which blobs it names
  std::unordered_set<std::string> mentioned_;
  std::unordered_map<std::string, std::pair<std::string, std::string>> verdicts_;
  Buffer buffer_;
  BlobDecoder decoder_;
};

}  // namespace

Status check_commits(ObjectStore& store, const JobObjects& objects, const Job& job,
                     const CheckOptions& options, JobFacts& facts) {
  return CommitsCheck(store, objects, job, options, facts).run();
}

}  // namespace baton
