#include "ledger/blob_pool.h"

namespace baton {

Result<BlobRef> BlobPool::write(const std::string& hash, const Fingerprint& sum,
                                std::string_view plain, BlobEncoder& encoder) {
  {
    std::lock_guard lock(mutex_);
    auto it = blobs_.find(hash);
    if (it != blobs_.end()) return it->second;
  }
  BATON_ASSIGN(std::string_view bytes, encoder.encode(plain));
  Status created = create(blob_key(job_, attempt_, hash), bytes);
  // Only this attempt writes under its number, whole objects only: what stands there is what
  // another thread, an earlier capture, or a try whose reply was lost has written of the very same
  // bytes.
  if (!created.ok() && !created.is(Code::exists)) return created.error();
  std::lock_guard lock(mutex_);
  BlobRef& ref = blobs_[hash];
  if (ref) return ref;
  ref = std::make_shared<PooledBlob>();
  ref->blob = {hash, attempt_, plain.size(), bytes.size(), bytes.data() != plain.data(), sum};
  ref->uncommitted = true;
  written_.plain += plain.size();
  written_.stored += bytes.size();
  return ref;
}

Status BlobPool::create(const std::string& key, std::string_view bytes) {
  bool doubtful = false;
  {
    std::lock_guard lock(mutex_);
    doubtful = doubtful_.contains(key);
  }
  if (doubtful) {
    BATON_TRY(store_.remove(key));
    std::lock_guard lock(mutex_);
    doubtful_.erase(key);
  }
  return store_.create(key, bytes);
}

void BlobPool::keep(const std::vector<Manifest>& kept, uint64_t seed) {
  std::unordered_map<std::string, BlobRef> old;
  old.swap(blobs_);
  for (const Manifest& manifest : kept) {
    if (manifest.seed != seed) continue;
    for (const Blob& blob : manifest.blobs) {
      auto it = old.find(blob.hash);
      bool same = it != old.end() && it->second->blob.attempt == blob.attempt;
      BlobRef ref = same ? it->second : std::make_shared<PooledBlob>(PooledBlob{blob});
      ref->uncommitted = false;
      blobs_.emplace(blob.hash, ref);
    }
  }
  for (auto& [hash, ref] : old) {
    auto it = blobs_.find(hash);
    if (it == blobs_.end() || it->second != ref) ref->usable = false;
  }
}

std::vector<BlobRef> BlobPool::adopt(const Manifest& manifest) {
  std::vector<BlobRef> refs;
  refs.reserve(manifest.blobs.size());
  for (const Blob& blob : manifest.blobs) {
    BlobRef& ref = blobs_[blob.hash];
    if (!ref) ref = std::make_shared<PooledBlob>(PooledBlob{blob});
    refs.push_back(ref);
  }
  return refs;
}

void BlobPool::committed() {
  for (auto& [hash, ref] : blobs_) ref->uncommitted = false;
}

void BlobPool::discard_uncommitted() {
  for (auto it = blobs_.begin(); it != blobs_.end();) {
    PooledBlob& pooled = *it->second;
    if (!pooled.uncommitted) {
      ++it;
      continue;
    }
    std::string key = blob_key(job_, attempt_, pooled.blob.hash);
    if (!store_.remove(key).ok()) doubtful_.insert(key);
    pooled.usable = false;
    it = blobs_.erase(it);
  }
}

BlobPool::Written BlobPool::take_written() { return std::exchange(written_, {}); }

}  // namespace baton
