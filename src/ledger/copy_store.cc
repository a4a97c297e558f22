#include "ledger/copy_store.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/text.h"
#include "ledger/data_listing.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "model/commit.h"
#include "os/crew.h"

namespace baton {
namespace {

constexpr uint64_t kMaxObject = 2ull << 30;
constexpr int kWorkers = 8;
constexpr int kRounds = 8;

// A job or a sweep.
struct Unit {
  std::string prefix;  // "jobs/<id>/"
  std::string record;  // job.json or sweep.json
  std::string id;
};

std::vector<std::string> keys_of(const std::map<std::string, uint64_t>& objects,
                                 const std::string& prefix) {
  std::vector<std::string> keys;
  for (auto it = objects.lower_bound(prefix); it != objects.end() && starts_with(it->first, prefix);
       ++it)
    keys.push_back(it->first);
  return keys;
}

Result<std::map<std::string, uint64_t>> list_all(ObjectStore& store, const std::string& prefix) {
  std::map<std::string, uint64_t> objects;
  BATON_TRY(for_each_object(store, prefix, {.limit = 10'000}, [&](const ObjectInfo& object) {
    objects.emplace(object.key, object.size);
    return true;
  }));
  return objects;
}

// Heartbeats say who lives, and hints are made anew: neither is part of what was recorded.
bool is_passing(const Unit& unit, const std::string& key) {
  std::string name = key.substr(unit.prefix.size());
  return starts_with(name, "beats/") || name == "summary.json" || name == "tuner.json";
}

// "jobs/…/blobs/3/ab/abcd…" → "abcd…"; "" for what is not named by its content.
std::string content_hash(const std::string& key) {
  std::string name = key.substr(key.rfind('/') + 1);
  bool blob = key.find("/blobs/") != std::string::npos;
  return blob && is_sha256_hex(name) ? name : "";
}

// Whether a blob's object holds what its name says, raw or as a zstd frame.
bool is_intact(const std::string& hash, const std::string& stored) {
  if (sha256_hex(stored) == hash) return true;
  unsigned long long size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxBlob)
    return false;
  std::string plain(size, '\0');
  size_t got = ZSTD_decompress(plain.data(), plain.size(), stored.data(), stored.size());
  return !ZSTD_isError(got) && got == size && sha256_hex(plain) == hash;
}

class StoreCopy {
 public:
  StoreCopy(ObjectStore& from, ObjectStore& to, const CopyOptions& options)
      : from_(from), to_(to), options_(options) {}

  Result<CopyReport> run() {
    BATON_TRY(check_store_format(from_, false));
    BATON_TRY(check_store_format(to_, true));
    BATON_ASSIGN(auto sweeps, units("sweeps/", "sweep.json"));
    BATON_ASSIGN(auto jobs, units("jobs/", "job.json"));
    for (const Unit& unit : sweeps) BATON_TRY(copy_unit(unit, report_.sweeps));
    for (const Unit& unit : jobs) BATON_TRY(copy_unit(unit, report_.jobs));
    report_.objects = objects_;
    report_.bytes = bytes_;
    report_.present = present_;
    return report_;
  }

 private:
  Result<std::vector<Unit>> units(const std::string& folder, const std::string& record) {
    std::vector<Unit> found;
    BATON_TRY(for_each_object(from_, folder, {.limit = 10'000, .directories = true},
                              [&](const ObjectInfo& entry) {
                                auto parts = split(entry.key, '/');
                                if (parts.size() > 1 && is_job_id(parts[1]))
                                  found.push_back({entry.key, entry.key + record, parts[1]});
                                return true;
                              }));
    return found;
  }

  Status copy_unit(const Unit& unit, size_t& whole) {
    Status status = copy_state(unit);
    if (status.ok()) ++whole;
    if (status.is(Code::not_found)) return {};  // removed meanwhile
    // What is wrong with one job is no reason to leave out the others.
    bool own = status.is(Code::exists) || status.is(Code::corrupt) || status.is(Code::invalid);
    if (!status.ok() && !own) return status;
    if (own) report_.refused.push_back(status.error().message);
    return {};
  }

  // The unit as it was at one moment: nothing that its events rest on can vanish unless an event is
  // added, so the events must be the same before and after everything else was copied.
  Status copy_state(const Unit& unit) {
    const std::string events = unit.prefix + "events/";
    BATON_ASSIGN(there_, list_all(to_, unit.prefix));
    for (int round = 1; round <= kRounds; ++round) {
      BATON_ASSIGN(auto before, list_all(from_, events));
      if (before.empty()) return {};  // a submission that is not finished, or was cut off
      BATON_TRY(copy_code(before.begin()->first));
      BATON_ASSIGN(auto all, list_all(from_, unit.prefix));
      std::vector<std::string> keys;
      for (const auto& [key, size] : all)
        if (key != unit.record && !starts_with(key, events) && !is_passing(unit, key))
          keys.push_back(key);
      // What a copy that was cut off has left may not have come to the disk.
      certain_ = to_.concurrency() > 0 || keys_of(there_, events).size() >= before.size();
      BATON_TRY(copy_all(unit, all, keys));
      BATON_ASSIGN(auto active, markers_of(unit, "active/"));
      BATON_ASSIGN(auto index, markers_of(unit, "index/"));
      BATON_ASSIGN(auto after, list_all(from_, events));
      if (before == after) return copy_history(unit, active, keys_of(after, events), index);
    }
    return Error{Code::invalid,
                 fmt::format("{} goes on faster than it can be copied; copy again later", unit.id),
                 ""};
  }

  // The code that the `created` event names; before anything that refers to it.
  Status copy_code(const std::string& created) {
    BATON_ASSIGN(std::string text, from_.get(created, 1 << 20));
    BATON_ASSIGN(Json event, parse_json(text, created));
    std::string code = get_string(event, "code_object");
    if (code.empty() || !codes_.insert(code).second) return {};
    auto head = to_.head(code);
    auto own = from_.head(code);
    if (!own.ok()) return own.error();
    if (!head.ok() && !head.is(Code::not_found)) return head.error();
    if (head.ok() && head->size == own->size) {
      BATON_ASSIGN(bool same, have_same_crc(code, own->sum, head->sum));
      if (same) {
        ++present_;
        return {};
      }
    }
    return copy_object(code, head.ok());
  }

  // Reads only where a service does not tell.
  Result<bool> have_same_crc(const std::string& key, std::string a, std::string b) {
    BATON_TRY(tell_crc(from_, key, a));
    BATON_TRY(tell_crc(to_, key, b));
    return a == b;
  }
  static Status tell_crc(ObjectStore& store, const std::string& key, std::string& sum) {
    if (starts_with(sum, "crc32c:")) return {};
    BATON_ASSIGN(std::string bytes, store.get(key, kMaxObject));
    sum = "crc32c:" + crc32c_text(crc32c(bytes));
    return {};
  }

  // Only now is there a job: record, marker, events in their order, entry in the index.
  Status copy_history(const Unit& unit, const std::vector<std::string>& active,
                      const std::vector<std::string>& events,
                      const std::vector<std::string>& index) {
    BATON_TRY(copy_object(unit, unit.record));
    BATON_TRY(create_markers(active));
    for (const std::string& key : events) BATON_TRY(copy_object(unit, key));
    return create_markers(index);
  }

  // Those of a job in a folder; a sweep has none. They begin with the job's id, so that a page of
  // the listing has them all.
  Result<std::vector<std::string>> markers_of(const Unit& unit, const std::string& folder) {
    std::vector<std::string> keys;
    if (!starts_with(unit.prefix, "jobs/")) return keys;
    const std::string prefix = folder + unit.id;
    BATON_ASSIGN(ListPage page, from_.list(folder, {.after = prefix, .limit = 100}));
    for (const ObjectInfo& object : page.objects)
      if (starts_with(object.key, prefix + "~")) keys.push_back(object.key);
    return keys;
  }

  Status create_markers(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      Status created = to_.create(key, "");
      if (!created.ok() && !created.is(Code::exists)) return created;
    }
    return {};
  }

  Status copy_all(const Unit& unit, const std::map<std::string, uint64_t>& sizes,
                  const std::vector<std::string>& keys) {
    to_.defer_sync(true);
    Status copied = run_crew(
        kWorkers, keys.size(),
        [&](int, size_t index) {
          Status status = copy_one(unit, keys[index], sizes.at(keys[index]));
          // Removed meanwhile: the events tell whether that matters.
          return status.is(Code::not_found) ? Status() : status;
        },
        [&]() -> Status {
          if (options_.progress) options_.progress(objects_ + present_, bytes_);
          return {};
        });
    Status flushed = to_.flush();
    to_.defer_sync(false);
    BATON_TRY(copied);
    return flushed;
  }

  Status copy_one(const Unit& unit, const std::string& key, uint64_t size) {
    auto there = there_.find(key);
    const std::string hash = content_hash(key);
    if (there == there_.end() || hash.empty()) return copy_object(unit, key);
    if (!certain_ || there->second != size) {
      BATON_ASSIGN(std::string bytes, to_.get(key, kMaxObject));
      if (!is_intact(hash, bytes)) {
        BATON_TRY(to_.remove(key));
        return copy_object(unit, key, false);
      }
    }
    ++present_;
    return {};
  }

  Status copy_object(const Unit& unit, const std::string& key) {
    return copy_object(unit, key, there_.count(key) > 0);
  }

  Status copy_object(const Unit& unit, const std::string& key, bool perhaps_there) {
    Status copied = copy_object(key, perhaps_there);
    if (copied.is(Code::exists) || copied.is(Code::corrupt))
      return Error{copied.error().code,
                   fmt::format("{} {}: {}", starts_with(unit.prefix, "jobs/") ? "job" : "sweep",
                               unit.id, copied.error().message),
                   ""};
    return copied;
  }

  Status copy_object(const std::string& key, bool perhaps_there) {
    BATON_ASSIGN(std::string bytes, from_.get(key, kMaxObject));
    std::string hash = content_hash(key), listing = listing_digest(key);
    bool good = (hash.empty() || is_intact(hash, bytes)) &&
                (listing.empty() || unpack_listing(bytes, listing, nullptr).ok());
    if (!good) return Error{Code::corrupt, key + " is damaged and was not copied", ""};
    if (!perhaps_there) {
      Status created = to_.create(key, bytes);
      if (created.ok()) {
        ++objects_;
        bytes_ += bytes.size();
        return {};
      }
      if (!created.is(Code::exists)) return created;
    }
    BATON_ASSIGN(std::string other, to_.get(key, kMaxObject));
    if (other != bytes)
      return Error{
          Code::exists,
          fmt::format("{} holds a different {}, and nothing is overwritten", to_.name(), key), ""};
    ++present_;
    return {};
  }

  ObjectStore &from_, &to_;
  const CopyOptions& options_;
  CopyReport report_;
  std::atomic<uint64_t> objects_{0}, bytes_{0}, present_{0};
  std::map<std::string, uint64_t> there_;  // of the present unit, in `to`
  bool certain_ = false;                   // what is there is surely whole
  std::set<std::string> codes_;            // seen to
};

}  // namespace

Result<CopyReport> copy_store(ObjectStore& from, ObjectStore& to, const CopyOptions& options) {
  return StoreCopy(from, to, options).run();
}

}  // namespace baton
