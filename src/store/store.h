// ObjectStore: immutable objects under slash-separated keys, on a directory or in a bucket.
//
// Everything durable goes through here. The one primitive that safety rests on is create(): it
// succeeds for exactly one caller. Keys: see valid_key(); no key may be another one's directory
// ("a" and "a/b"). Implementations are thread-safe. After a successful create() the object survives
// a crash of this machine. Errors: see each call; a malformed key is Code::invalid everywhere;
// Code::transient may be retried by the caller (retry decorator does), Code::denied / no_space /
// permanent may not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/direct_io.h"

namespace baton {

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
  std::string version = {};  // in listings of buckets: as BucketObject's; elsewhere ""
  std::string sum = {};      // likewise; of head() with "crc32c:…" first where that is known
};

struct ListOptions {
  std::string after = {};  // only keys greater than this; "" from the start
  size_t limit = 1000;     // at most so many entries (1..100000)
  // One level only; deeper keys fold into one entry "prefix/part/" of size 0.
  bool directories = false;
  bool sizes = true;  // false: sizes may be left 0, which spares a directory one stat(2) per entry
};

struct ListPage {
  std::vector<ObjectInfo> objects;  // ascending bytewise by key
  bool more = false;                // call again with after = the last key
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Creates the object if its name is free. Code::exists when it is taken, also when it was taken
  // by an earlier try of this very call whose reply was lost: the ledger compares nonces before it
  // believes that. On any other error the object may or may not have been created.
  virtual Status create(const std::string& key, std::string_view bytes) = 0;

  // Creates or overwrites. Readers see the old or the new content, never a mixture; after a crash
  // of the machine they may see neither. For heartbeats and hints only.
  virtual Status put(const std::string& key, std::string_view bytes) = 0;

  // The whole object. Code::not_found; Code::invalid when it is larger than `limit` bytes.
  virtual Result<std::string> get(const std::string& key, uint64_t limit) = 0;

  // Up to `size` bytes from `offset` (fewer only at the end).
  virtual Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) = 0;

  // Reads an object of at most `size` bytes into `to`, and returns how many bytes it has. Same
  // errors as get(). For bulk: what is read once and not again soon.
  virtual Result<size_t> read_into(const std::string& key, char* to, size_t size);

  // Says that read_into() of this key follows soon, so that its bytes may be fetched meanwhile.
  // Does not wait for them and tells of no error; may do nothing.
  virtual void will_read(const std::string& /*key*/) {}

  virtual Result<ObjectInfo> head(const std::string& key) = 0;

  // Removes the object; an absent one is success.
  virtual Status remove(const std::string& key) = 0;

  // Entries whose key starts with `prefix` (which must be "" or end with '/').
  virtual Result<ListPage> list(const std::string& prefix, const ListOptions& options) = 0;

  // Durability barrier: with defer_sync(true), create() of keys under "…/blobs/" may return before
  // the bytes are durable; flush() makes everything created so far durable. A no-op where writes
  // are durable at once. When flush() fails, what it could not make durable is gone and may be
  // created again.
  virtual void defer_sync(bool on) = 0;
  virtual Status flush() = 0;

  // How many calls at once it takes to use this store well; 0: as many as there are processors.
  virtual int concurrency() const { return 0; }

  // For messages: "/home/me/.local/share/baton/store", "s3://bucket/prefix". Never contains
  // credentials.
  virtual std::string name() const = 0;
};

// True when `key` is well formed: 1..900 bytes in parts of 1..255 bytes of [A-Za-z0-9._~=,+@-],
// separated by '/'; no part is "." or ".."; the first is not "tmp", which belongs to the directory
// store's temporary files.
bool valid_key(std::string_view key);
// True for "" and for a valid key followed by '/'.
bool valid_prefix(std::string_view prefix);
// The errors for keys and prefixes that are not.
Status check_key(std::string_view key);
Status check_prefix(std::string_view prefix);

// All keys below `prefix`, in pages of options.limit; stops early when `each` returns false.
Status for_each_object(ObjectStore& store, const std::string& prefix, const ListOptions& options,
                       const std::function<bool(const ObjectInfo&)>& each);

// Factories. Each implementation hides in its .cc.

struct DirStoreOptions {
  bool durable = true;  // false: no fsync, for tests
};
// A directory, which the first write makes when it is absent (mode 0700). create() is link(2) of a
// temporary file, so two machines on one shared filesystem cannot both win; on a filesystem without
// hard links it is refused with Code::unsupported and a sentence that says so. Temporary files left
// by a crash are removed once a day old.
Result<std::unique_ptr<ObjectStore>> open_dir_store(const std::string& path,
                                                    const DirStoreOptions& options);

// In memory, for tests; copies share nothing.
std::unique_ptr<ObjectStore> make_mem_store();

}  // namespace baton
