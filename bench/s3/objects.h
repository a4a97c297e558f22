// What the benchmarks' S3 server keeps: objects by name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "os/fd.h"

namespace baton::bench {

// A row of bytes that came in one request: small ones as text, others in a file without a name,
// which sendfile(2) sends without copying.
struct Bytes {
  uint64_t size = 0;
  std::string text;
  Fd file;
};

struct Object {
  uint64_t size = 0;
  std::string etag;     // with its quotes
  std::string headers;  // lines to give back with it, each ending in CRLF
  std::vector<std::shared_ptr<const Bytes>> parts;
};
using ObjectPointer = std::shared_ptr<const Object>;

// Named "bucket/key". Thread-safe.
class Objects {
 public:
  // False when there is one and there must not be.
  bool put(const std::string& name, ObjectPointer object, bool if_absent) {
    std::lock_guard lock(mutex_);
    if (if_absent && objects_.contains(name)) return false;
    objects_[name] = std::move(object);
    return true;
  }
  ObjectPointer get(const std::string& name) const {
    std::lock_guard lock(mutex_);
    auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second;
  }
  void remove(const std::string& name) {
    std::lock_guard lock(mutex_);
    objects_.erase(name);
  }

  struct Entry {
    std::string name;
    ObjectPointer object;  // none: a folded prefix
  };
  // Ascending names that begin with `prefix` and stand behind `after`, at most `limit`; where
  // `fold` is not empty, names that go on with it are one entry.
  std::vector<Entry> list(const std::string& prefix, const std::string& after,
                          const std::string& fold, size_t limit) const {
    std::vector<Entry> out;
    std::lock_guard lock(mutex_);
    auto it = after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(after);
    while (it != objects_.end() && it->first.starts_with(prefix) && out.size() < limit) {
      size_t end = fold.empty() ? std::string::npos : it->first.find(fold, prefix.size());
      if (end == std::string::npos) {
        out.push_back({it->first, it->second});
        ++it;
        continue;
      }
      std::string folded = it->first.substr(0, end + fold.size());
      if (folded != after) out.push_back({folded, nullptr});
      it = objects_.upper_bound(folded + "\xff");
    }
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, ObjectPointer> objects_;
};

// An upload in parts that was begun.
struct Upload {
  std::string name;
  std::string headers;
  struct Part {
    std::shared_ptr<const Bytes> bytes;
    std::string etag;
  };
  std::map<int, Part> parts;
};

}  // namespace baton::bench
