// The blobs that an attempt's next commit may name, and the writing of new ones.
//
// docs/store-format.md, "Blobs": created under the own attempt only, reused only from kept commits
// or from what this attempt wrote and nobody deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "ledger/blob_codec.h"
#include "model/commit.h"
#include "store/store.h"

namespace baton {

struct PooledBlob {
  Blob blob;
  bool usable = true;        // false once it may be deleted; never becomes true again
  bool uncommitted = false;  // written by this attempt and named by no commit yet
};
using BlobRef = std::shared_ptr<PooledBlob>;

class BlobPool {
 public:
  BlobPool(ObjectStore& store, const std::string& job, int attempt)
      : store_(store), job_(job), attempt_(attempt) {}

  const ObjectStore& store() const { return store_; }

  // The blob of these plain bytes, of which `hash` and `sum` are given: one that stands already, or
  // a new one. Thread-safe.
  Result<BlobRef> write(const std::string& hash, const Fingerprint& sum, std::string_view plain,
                        BlobEncoder& encoder);

  // Only what these commits mention stays usable. `seed`: commits with other fingerprints are left
  // out.
  void keep(const std::vector<Manifest>& kept, uint64_t seed);
  // Makes a commit's blobs usable and returns them in the manifest's order.
  std::vector<BlobRef> adopt(const Manifest& manifest);
  // A manifest that names all that was written stands in the store now.
  void committed();
  // Removes what was written since then, to free its space.
  void discard_uncommitted();
  // These names must be seen removed before they are written again.
  void doubt(const std::vector<std::string>& keys) { doubtful_.insert(keys.begin(), keys.end()); }

  // Since the last call: plain bytes and object bytes written.
  struct Written {
    uint64_t plain = 0, stored = 0;
  };
  Written take_written();

 private:
  Status create(const std::string& key, std::string_view bytes);
  ObjectStore& store_;
  const std::string job_;
  const int attempt_;
  std::mutex mutex_;
  std::unordered_map<std::string, BlobRef> blobs_;
  std::unordered_set<std::string> doubtful_;
  Written written_;
};

}  // namespace baton
