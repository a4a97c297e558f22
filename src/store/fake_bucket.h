// A Bucket in memory for tests, whose every answer can be bent.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/text.h"
#include "store/bucket.h"

namespace baton {

// Thread-safe. The hooks are set before it is used.
class FakeBucket : public Bucket {
 public:
  struct Object {
    std::string bytes{}, version{}, sum{};
    bool crc = true;  // whether the service knows its CRC-32C
  };

  // Called before each request with its kind ("get", "head", "put", "list", "remove",
  // "part_size") and key, outside the lock; its error is the answer.
  std::function<Status(const std::string& what, const std::string& key)> before;
  // Bends what a get() gives.
  std::function<void(const std::string& key, std::string& bytes)> bend;
  uint64_t uploaded_in = 0;  // what part_size() gives
  bool ranges = true;
  bool listed_versions = true;
  bool conditions = true;  // on versions; else they are ignored
  size_t page = 1000;

  void set(const std::string& key, Object object) {
    std::lock_guard lock(mutex_);
    if (object.version.empty()) object.version = "v" + std::to_string(++versions_);
    objects_[key] = std::move(object);
  }
  // What the last upload in parts was told beforehand.
  std::optional<uint32_t> begun_with() const {
    std::lock_guard lock(mutex_);
    return begun_with_;
  }
  std::map<std::string, std::string> all() const {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::string> found;
    for (const auto& [key, object] : objects_) found[key] = object.bytes;
    return found;
  }
  size_t asked(const std::string& what) const {
    std::lock_guard lock(mutex_);
    auto found = asked_.find(what);
    return found == asked_.end() ? 0 : found->second;
  }

  Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t,
                          Write mode) override {
    BATON_TRY(note("put", key));
    std::lock_guard lock(mutex_);
    bool refused = mode == Write::if_absent ? objects_.contains(key) : differs(key, mode.version());
    if (refused) return Error{Code::exists, key + " exists", ""};
    objects_[key] = {std::string(bytes), "v" + std::to_string(++versions_), "", true};
    return objects_[key].version;
  }
  Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                           const std::string& expected,
                           const std::function<Status(std::string_view)>& sink) override {
    BATON_TRY(note("get", key));
    BATON_ASSIGN(Object object, find(key));
    if (!expected.empty() && object.version != expected)
      return Error{Code::transient, key + " was replaced meanwhile", ""};
    std::string bytes = object.bytes;
    if (range) bytes = bytes.substr(std::min(range->offset, bytes.size()), range->size);
    if (bend) bend(key, bytes);
    BATON_TRY(sink(bytes));
    return told(object);
  }
  Result<BucketObject> head(const std::string& key) override {
    BATON_TRY(note("head", key));
    BATON_ASSIGN(Object object, find(key));
    return told(object);
  }
  Status remove(const std::string& key) override { return remove_version(key, ""); }
  Status remove_version(const std::string& key, const std::string& version) override {
    BATON_TRY(note("remove", key));
    std::lock_guard lock(mutex_);
    if (objects_.contains(key) && differs(key, version))
      return Error{Code::exists, key + " is another one", ""};
    objects_.erase(key);
    return {};
  }
  Result<BucketPage> list(const std::string& prefix, const std::string& after,
                          const std::string& token, bool, size_t limit) override {
    BATON_TRY(note("list", prefix));
    std::lock_guard lock(mutex_);
    BucketPage found;
    for (const auto& [key, object] : objects_) {
      if (!starts_with(key, prefix) || key <= after || key <= token) continue;
      if (found.objects.size() == std::min(limit, page)) {
        found.next = found.objects.back().key;
        break;
      }
      found.objects.push_back({key, object.bytes.size(), listed_versions ? object.version : "",
                               listed_versions ? object.sum : ""});
    }
    return found;
  }

  Result<std::string> begin_upload(const std::string& key, std::optional<uint32_t> crc) override {
    BATON_TRY(note("put", key));
    std::lock_guard lock(mutex_);
    begun_with_ = crc;
    return std::string("upload");
  }
  Result<BucketPart> upload_part(const std::string& key, const std::string&, int number,
                                 std::string_view bytes, uint32_t crc) override {
    BATON_TRY(note("put", key));
    std::lock_guard lock(mutex_);
    parts_[key][number] = bytes;
    return BucketPart{std::to_string(number), crc};
  }
  Result<std::string> finish_upload(const std::string& key, const std::string&,
                                    const std::vector<BucketPart>&, uint32_t crc,
                                    Write mode) override {
    std::string whole;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [number, bytes] : parts_[key]) whole += bytes;
      parts_.erase(key);
    }
    return put(key, whole, crc, mode);
  }
  Status abort_upload(const std::string&, const std::string&) override { return {}; }

  Result<uint64_t> part_size(const std::string& key) override {
    BATON_TRY(note("part_size", key));
    return uploaded_in;
  }

  std::string name() const override { return "fake://bucket"; }
  std::string identity() const override { return name(); }
  Result<std::string> credentials() override { return std::string("none"); }
  int64_t hold_ms() const override { return 0; }
  bool honours_ranges() const override { return ranges; }

 private:
  Status note(const std::string& what, const std::string& key) {
    {
      std::lock_guard lock(mutex_);
      ++asked_[what];
    }
    return before ? before(what, key) : Status();
  }
  bool differs(const std::string& key, const std::string& version) const {
    auto found = objects_.find(key);
    return conditions && !version.empty() &&
           (found == objects_.end() || found->second.version != version);
  }
  Result<Object> find(const std::string& key) const {
    std::lock_guard lock(mutex_);
    auto found = objects_.find(key);
    if (found != objects_.end()) return found->second;
    return Error{Code::not_found, "there is no " + key, ""};
  }
  static BucketObject told(const Object& object) {
    auto crc = object.crc ? std::optional(crc32c(object.bytes)) : std::nullopt;
    return {object.bytes.size(), crc, object.version, object.sum};
  }

  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<std::string, std::map<int, std::string>> parts_;
  std::map<std::string, size_t> asked_;
  std::optional<uint32_t> begun_with_;
  int versions_ = 0;
};

}  // namespace baton
