// ObjectStore: immutable objects under slash-separated keys, on a directory or in a bucket.
//
// Everything durable goes through here. The one primitive that safety rests on is create(): it
// succeeds for exactly one caller. Keys are 1..900 bytes of [A-Za-z0-9._~=,+@-] and '/', with no empty,
// "." or ".." part (valid_key). Implementations are thread-safe. After a successful return the object
// survives a crash of this machine. Errors: see each call; Code::transient may be retried by the caller
// (retry decorator does), Code::denied / no_space / permanent may not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baton {

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
};

struct ListOptions {
  std::string after;       // only keys greater than this; "" from the start
  size_t limit = 1000;     // at most so many entries (1..100000)
  bool directories = false;  // true: one level only; deeper keys fold into one entry "prefix/part/" of size 0
};

struct ListPage {
  std::vector<ObjectInfo> objects;  // ascending bytewise by key
  bool more = false;                // call again with after = the last key
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Creates the object if its name is free. Code::exists when it is taken, also when it was taken by an
  // earlier try of this very call whose reply was lost: the ledger compares nonces before it believes that.
  // On any other error the object may or may not have been created.
  virtual Status create(const std::string& key, std::string_view bytes) = 0;

  // Creates or overwrites. Readers see the old or the new content, never a mixture. For heartbeats and hints only.
  virtual Status put(const std::string& key, std::string_view bytes) = 0;

  // The whole object. Code::not_found; Code::invalid when it is larger than `limit` bytes.
  virtual Result<std::string> get(const std::string& key, uint64_t limit) = 0;

  // Up to `size` bytes from `offset` (fewer only at the end).
  virtual Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) = 0;

  virtual Result<ObjectInfo> head(const std::string& key) = 0;

  // Removes the object; an absent one is success.
  virtual Status remove(const std::string& key) = 0;

  // Entries whose key starts with `prefix` (which must be "" or end with '/').
  virtual Result<ListPage> list(const std::string& prefix, const ListOptions& options) = 0;

  // Durability barrier: with defer_sync(true), create() of keys under "…/blobs/" may return before the
  // bytes are durable; flush() makes everything created so far durable. A no-op where writes are durable at once.
  virtual Status flush() = 0;

  // For messages: "/home/me/.local/share/baton/store", "s3://bucket/prefix". Never contains credentials.
  virtual std::string name() const = 0;
};

// True when `key` is well formed (see above).
bool valid_key(std::string_view key);

// All keys below `prefix`, page by page; stops early when `each` returns false.
Status for_each_object(ObjectStore& store, const std::string& prefix, const ListOptions& options,
                       const std::function<bool(const ObjectInfo&)>& each);

// Factories. Each implementation hides in its .cc.

struct DirStoreOptions {
  bool durable = true;  // false: no fsync, for tests
};
// A directory. Made when absent (mode 0700). create() is link(2) of a temporary file, so two machines
// on one shared filesystem cannot both win; a filesystem without hard links is refused with
// Code::unsupported and a sentence that says so.
Result<std::unique_ptr<ObjectStore>> open_dir_store(const std::string& path, const DirStoreOptions& options);

// In memory, for tests; copies share nothing.
std::unique_ptr<ObjectStore> make_mem_store();

}  // namespace baton
