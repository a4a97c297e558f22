// Removing code snapshots that no job refers to, beside submitters (docs/store-format.md, "Code").
#include <fmt/format.h>

#include <unordered_set>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/code_object.h"
#include "ledger/commits.h"
#include "model/job.h"
#include "model/sweep.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxRecord = 64ull << 20;

// What jobs refer to.
struct References {
  std::unordered_set<std::string> objects;  // keys
  std::unordered_set<std::string> trees;    // hashes of all whose objects count
  bool contain(const std::string& object) const {
    return objects.contains(code_key(object)) || trees.contains(code_hash(object));
  }
};

class CodeCollection {
 public:
  explicit CodeCollection(ObjectStore& store) : store_(store), nonce_(new_nonce()) {}

  Result<Collected> run() {
    // A first look without markers keeps them away from what is in use.
    BATON_TRY(list_objects());
    BATON_TRY(drop_referenced());
    if (candidates_.empty()) return collected_;
    Status status = condemn_and_remove();
    for (const std::string& marker : markers_) {
      Status removed = store_.remove(marker);
      if (status.ok()) status = removed;
    }
    BATON_TRY(status);
    return collected_;
  }

 private:
  Status list_objects() {
    return for_each_object(store_, "code/", {}, [&](const ObjectInfo& object) {
      std::string name = base_name(object.key);
      if (!code_hash(name).empty() && object.key == code_key(name))
        candidates_.push_back({name, object.size});
      return true;
    });
  }

  Status condemn_and_remove() {
    for (const Candidate& candidate : candidates_) {
      std::string marker = fmt::format("code/condemned/{}/{}~{}", code_hash(candidate.object),
                                       candidate.object, nonce_);
      markers_.push_back(marker);
      BATON_TRY(store_.create(marker, ""));
    }
    BATON_TRY(drop_referenced());
    for (const Candidate& candidate : candidates_) {
      BATON_TRY(store_.remove(code_key(candidate.object)));
      ++collected_.objects;
      collected_.bytes += candidate.size;
    }
    return {};
  }

  Status drop_referenced() {
    if (candidates_.empty()) return {};
    BATON_ASSIGN(References references, read_references());
    std::erase_if(candidates_,
                  [&](const Candidate& candidate) { return references.contain(candidate.object); });
    return {};
  }

  Result<References> read_references() {
    References references;
    Status status;
    ListOptions options;
    options.directories = true;
    BATON_TRY(for_each_object(store_, "jobs/", options, [&](const ObjectInfo& entry) {
      status = add_job(entry.key, references);
      return status.ok();
    }));
    BATON_TRY(status);
    // Sweeps refer to code too, for trials that have not begun.
    BATON_TRY(for_each_object(store_, "sweeps/", options, [&](const ObjectInfo& entry) {
      status = add_sweep(entry.key, references);
      return status.ok();
    }));
    BATON_TRY(status);
    return references;
  }

  // `prefix`: "sweeps/<sweep>/".
  Status add_sweep(const std::string& prefix, References& references) {
    auto text = store_.get(prefix + "sweep.json", kMaxRecord);
    if (text.is(Code::not_found)) return {};
    if (!text.ok()) return text.error();
    BATON_ASSIGN(Sweep sweep, decode_sweep(*text, prefix + "sweep.json"));
    if (sweep.base.code_tree.empty()) return {};
    std::string key = prefix + "events/00000001.json";
    auto event_text = store_.get(key, kMaxRecord);
    if (event_text.is(Code::not_found)) {
      references.trees.insert(sweep.base.code_tree);
      return {};
    }
    if (!event_text.ok()) return event_text.error();
    BATON_ASSIGN(SweepEvent created, decode_sweep_event(*event_text, key));
    references.objects.insert(created.code_object);
    return {};
  }

  // `prefix`: "jobs/<job>/". Whatever cannot be read stops the collector: it might refer to
  // anything.
  Status add_job(const std::string& prefix, References& references) {
    auto text = store_.get(prefix + "job.json", kMaxRecord);
    if (text.is(Code::not_found)) return {};  // not submitted yet, or just removed
    if (!text.ok()) return text.error();
    BATON_ASSIGN(Job job, decode_job(*text, prefix + "job.json"));
    if (job.code_tree.empty()) return {};
    std::string key = prefix + "events/00000001.json";
    auto event_text = store_.get(key, kMaxRecord);
    if (event_text.is(Code::not_found)) {
      references.trees.insert(job.code_tree);
      return {};
    }
    if (!event_text.ok()) return event_text.error();
    BATON_ASSIGN(Event created, decode_event(*event_text, key));
    references.objects.insert(created.code_object);
    return {};
  }

  struct Candidate {
    std::string object;
    uint64_t size = 0;
  };
  ObjectStore& store_;
  const std::string nonce_;
  std::vector<Candidate> candidates_;
  std::vector<std::string> markers_;
  Collected collected_;
};

}  // namespace

Result<Collected> collect_code(ObjectStore& store) { return CodeCollection(store).run(); }

}  // namespace baton
