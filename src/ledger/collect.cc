#include <algorithm>
#include <charconv>
#include <mutex>
#include <unordered_set>

#include "base/text.h"
#include "ledger/blob_codec.h"
#include "ledger/commits.h"
#include "os/crew.h"

namespace baton {
namespace {

std::optional<int> parse_attempt(std::string_view text) {
  int attempt = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempt);
  if (error != std::errc() || end != text.data() + text.size() || attempt < 1) return std::nullopt;
  return attempt;
}

// "jobs/<job>/commits/<seq>-<attempt>.json" → attempt.
std::optional<int> manifest_attempt(std::string_view key) {
  size_t dash = key.rfind('-');
  if (dash == std::string_view::npos || !ends_with(key, ".json")) return std::nullopt;
  return parse_attempt(key.substr(dash + 1, key.size() - dash - 6));
}

// "jobs/<job>/blobs/<attempt>/<xx>/<hash>" → attempt.
std::optional<int> blob_attempt(const std::string& key) {
  auto parts = split(key, '/');
  return parts.size() == 6 ? parse_attempt(parts[3]) : std::nullopt;
}

class Collection {
 public:
  Collection(ObjectStore& store, int below_attempt, const std::function<bool()>& cancelled)
      : store_(store), below_(below_attempt), cancelled_(cancelled) {}

  // Removes what stands under `prefix`, belongs to an attempt below the limit and is not to stay.
  // Code::cancelled when the rest is left.
  Status sweep(const std::string& prefix, const std::unordered_set<std::string>& stay,
               const std::function<std::optional<int>(const std::string&)>& attempt_of) {
    std::vector<ObjectInfo> victims;
    Status time = time_left();
    BATON_TRY(time);
    BATON_TRY(for_each_object(store_, prefix, {}, [&](const ObjectInfo& object) {
      auto attempt = attempt_of(object.key);
      if (attempt && *attempt < below_ && !stay.contains(object.key)) victims.push_back(object);
      time = time_left();
      return time.ok();
    }));
    BATON_TRY(time);
    return run_crew(
        std::max(1, store_.concurrency()), victims.size(),
        [&](int, size_t index) {
          remove(victims[index]);
          return Status();
        },
        [this] { return time_left(); });
  }

  Collected result() { return std::move(collected_); }

 private:
  Status time_left() const {
    bool enough = cancelled_ && cancelled_();
    return enough ? Status(Error{Code::cancelled, "cleaning was cancelled", ""}) : Status();
  }

  void remove(const ObjectInfo& object) {
    bool removed = store_.remove(object.key).ok();
    std::lock_guard lock(mutex_);
    if (!removed) {
      collected_.unsure.push_back(object.key);
      return;
    }
    ++collected_.objects;
    collected_.bytes += object.size;
  }

  ObjectStore& store_;
  const int below_;
  const std::function<bool()>& cancelled_;
  std::mutex mutex_;
  Collected collected_;
};

}  // namespace

Result<Collected> collect_job(ObjectStore& store, const std::string& job,
                              const std::vector<Manifest>& kept, int below_attempt,
                              const std::function<bool()>& cancelled) {
  std::unordered_set<std::string> stay;
  for (const Manifest& manifest : kept) {
    stay.insert(manifest_key(job, commit_name(manifest.seq, manifest.attempt)));
    for (const Blob& blob : manifest.blobs) stay.insert(blob_key(job, blob.attempt, blob.hash));
  }
  Collection collection(store, below_attempt, cancelled);
  // Manifests first: one that stands has its blobs.
  Status swept = collection.sweep("jobs/" + job + "/commits/", stay, manifest_attempt);
  if (swept.ok()) swept = collection.sweep("jobs/" + job + "/blobs/", stay, blob_attempt);
  if (!swept.ok() && !swept.is(Code::cancelled)) return swept.error();
  return collection.result();
}

}  // namespace baton
