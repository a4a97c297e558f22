#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <random>

#include "ledger/capture.h"
#include "ledger/commits.h"
#include "ledger/restore.h"
#include "os/clock.h"

namespace baton {
namespace {

uint64_t random_seed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

class StoreCommitter : public Committer {
 public:
  StoreCommitter(ObjectStore& store, const std::string& job, int attempt)
      : store_(store),
        job_(job),
        attempt_(attempt),
        seed_(random_seed()),
        pool_(store, job, attempt) {}

  Result<Captured> capture(const std::vector<CaptureRoot>& roots, uint64_t seq,
                           uint64_t metrics_bytes, int64_t wall_ms,
                           const CaptureOptions& options) override {
    int64_t start = clock_.mono_ms();
    auto result = write_commit(roots, seq, metrics_bytes, wall_ms, options);
    // What a torn or cancelled capture wrote is good and likely to be needed again soon. Anything
    // else, a full disk or a failed flush above all, leaves nothing behind to be trusted.
    if (!result.ok() && !result.is(Code::cancelled) && !(result.is(Code::transient) && flushed_))
      pool_.discard_uncommitted();
    malloc_trim(0);
    if (result.ok()) result->took_ms = clock_.mono_ms() - start;
    return result;
  }

  Status restore(const Manifest& manifest, const std::vector<CaptureRoot>& roots,
                 const CaptureOptions& options) override {
    if (manifest.job != job_)
      return Error{
          Code::invalid,
          fmt::format("a commit of job {} cannot be restored into job {}", manifest.job, job_), ""};
    use_seed(manifest.seed);
    std::vector<BlobRef> refs = pool_.adopt(manifest);
    auto remembered = restore_trees(store_, manifest, roots, options, refs);
    malloc_trim(0);
    if (!remembered.ok()) return remembered.error();
    for (auto& [root, files] : *remembered) remembered_[root] = std::move(files);
    return {};
  }

  Status set_kept(const std::vector<Manifest>& kept) override {
    if (remembered_.empty() && !kept.empty()) use_seed(kept.back().seed);
    pool_.keep(kept, seed_);
    return {};
  }

  Result<Collected> collect(const std::vector<Manifest>& kept,
                            const std::function<bool()>& cancelled) override {
    BATON_TRY(set_kept(kept));
    BATON_ASSIGN(Collected collected, collect_job(store_, job_, kept, attempt_ + 1, cancelled));
    pool_.doubt(collected.unsure);
    return collected;
  }

 private:
  // A job's commits share one seed, so that fingerprints are worth something beyond an attempt;
  // what was fingerprinted under another one is forgotten.
  void use_seed(uint64_t seed) {
    if (seed == seed_) return;
    seed_ = seed;
    pool_.keep({}, seed);
    remembered_.clear();
  }

  Result<Captured> write_commit(const std::vector<CaptureRoot>& roots, uint64_t seq,
                                uint64_t metrics_bytes, int64_t wall_ms,
                                const CaptureOptions& options) {
    store_.defer_sync(true);
    flushed_ = true;
    pool_.take_written();
    BATON_ASSIGN(CaptureOutput output,
                 capture_trees(pool_, {roots, options, remembered_, seed_, wall_ms}));
    flushed_ = false;
    BATON_TRY(store_.flush());
    flushed_ = true;
    seq = std::max(seq, next_seq_);
    next_seq_ = seq + 1;
    Captured captured;
    Manifest& manifest = captured.manifest;
    manifest = {job_,
                seq,
                attempt_,
                wall_ms,
                metrics_bytes,
                seed_,
                std::move(output.blobs),
                std::move(output.trees)};
    std::string text = encode_manifest(manifest);
    captured.hash = sha256_hex(text);
    captured.bytes = manifest_bytes(manifest);
    BlobPool::Written written = pool_.take_written();
    captured.new_bytes = written.plain;
    captured.stored_bytes = written.stored + text.size();
    BATON_TRY(write_manifest(manifest_key(job_, commit_name(seq, attempt_)), text));
    pool_.committed();
    remembered_ = std::move(output.now);
    return captured;
  }

  Status write_manifest(const std::string& key, const std::string& text) {
    Status created = store_.create(key, text);
    if (!created.is(Code::exists)) return created;
    // An earlier try of this call whose reply was lost has written these very bytes.
    auto there = store_.get(key, kMaxManifest);
    if (there.ok() && *there == text) return {};
    return Error{Code::exists, fmt::format("the commit manifest {} was written before", key), ""};
  }

  ObjectStore& store_;
  const std::string job_;
  const int attempt_;
  uint64_t seed_;
  BlobPool pool_;
  Remembered remembered_;
  uint64_t next_seq_ = 1;  // a manifest of any number before may stand in the store
  bool flushed_ = true;    // false: created blobs may not be durable, because flushing them failed
  SystemClock clock_;
};

}  // namespace

std::unique_ptr<Committer> make_committer(ObjectStore& store, const std::string& job, int attempt) {
  return std::make_unique<StoreCommitter>(store, job, attempt);
}

Result<Manifest> read_manifest(ObjectStore& store, const std::string& job, const Event& committed) {
  std::string what = fmt::format("commit {} of job {}", committed.commit, job);
  const char* hint = "an earlier commit may be good: baton store check tells";
  auto text = store.get(manifest_key(job, committed.commit), kMaxManifest);
  if (text.is(Code::not_found))
    return Error{Code::not_found, what + " is missing its manifest", hint};
  if (!text.ok()) return text.error();
  if (sha256_hex(*text) != committed.commit_hash)
    return Error{Code::corrupt,
                 what + " is damaged: its manifest is not the one that was committed", hint};
  BATON_ASSIGN(Manifest manifest, decode_manifest(*text, what));
  if (manifest.job != job || commit_name(manifest.seq, manifest.attempt) != committed.commit)
    return Error{Code::corrupt, what + " holds the manifest of another commit", hint};
  return manifest;
}

std::vector<Event> kept_commits(const Summary& summary, int keep) {
  size_t count = std::min(summary.commits.size(), static_cast<size_t>(std::max(keep, 1)));
  return {summary.commits.end() - static_cast<std::ptrdiff_t>(count), summary.commits.end()};
}

}  // namespace baton
