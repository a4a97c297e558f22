// The commit path: directories → content-addressed chunks → manifest, and back.
//
// Invariant (docs/store-format.md, "Blobs"): a blob's name holds the attempt that wrote it; a writer creates blobs
// only under its own attempt and reuses others only from commits that are kept. Hence deleting what no kept
// commit names can never hurt a live job.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/event.h"
#include "store/store.h"

namespace baton {

struct CaptureRoot {
  std::string root;       // "checkpoint", "results", "metrics"
  std::string path;       // directory on this machine
};

struct CaptureOptions {
  int threads = 2;
  // Asked now and then; true aborts with Code::cancelled.
  std::function<bool()> cancelled;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct Captured {
  Manifest manifest;
  std::string hash;            // sha256 of the encoded manifest
  uint64_t bytes = 0;          // captured in all
  uint64_t new_bytes = 0;      // plain bytes that had to be written
  uint64_t stored_bytes = 0;   // bytes written to the store
  int64_t took_ms = 0;
};

// Remembers fingerprints of what was last captured or restored, so that unchanged parts are neither
// hashed nor written again. One per attempt. Not thread-safe.
class Committer {
 public:
  virtual ~Committer() = default;
  // Captures the roots as commit number `seq` and writes blobs and manifest durably; the caller then appends
  // `committed`. Code::transient "changed while being captured" when any file changed in between: nothing is
  // lost, try again later. Code::no_space leaves earlier commits good. Special files (sockets, devices, fifos) are
  // skipped; symlinks are stored as links, never followed.
  virtual Result<Captured> capture(const std::vector<CaptureRoot>& roots, uint64_t seq, uint64_t metrics_bytes,
                                   int64_t wall_ms, const CaptureOptions& options) = 0;
  // Writes a commit's trees into the (empty or absent) directories, verifying every chunk, and remembers it for the next capture.
  virtual Status restore(const Manifest& manifest, const std::vector<CaptureRoot>& roots, const CaptureOptions& options) = 0;
  // Tells which commits are kept now; drops others from memory as sources of reuse.
  virtual Status set_kept(const std::vector<Manifest>& kept) = 0;
};
std::unique_ptr<Committer> make_committer(ObjectStore& store, const std::string& job, int attempt);

// Reads and verifies the manifest of a committed event. Code::corrupt, Code::not_found.
Result<Manifest> read_manifest(ObjectStore& store, const std::string& job, const Event& committed);

// Events of the commits that a job keeps: the last `keep`, and whatever a final job ended with.
std::vector<Event> kept_commits(const Summary& summary, int keep);

// Deletes what no kept commit names: blobs of attempts before `below_attempt` + manifests; the owner passes its own
// attempt + 1 between two of its captures, gc passes the running attempt (or the latest + 1 when none runs).
struct Collected { uint64_t objects = 0, bytes = 0; };
Result<Collected> collect_job(ObjectStore& store, const std::string& job, const std::vector<Manifest>& kept, int below_attempt);

// Code snapshots: content-addressed over all jobs. Returns (tree hash, object key). See docs/store-format.md, "Code".
struct CodeOptions {
  uint64_t max_bytes = 512ull << 20;   // more is refused, naming the largest directories
  std::vector<std::string> exclude;    // absolute paths never taken: the results directory, $BATON_HOME
};
struct CodeSnapshot { std::string tree_hash; std::string object; uint64_t bytes = 0; uint64_t files = 0; };
// .gitignore and .batonignore respected; .git never taken; a symlink that points outside is refused by name.
Result<CodeSnapshot> snapshot_code(ObjectStore& store, const std::string& directory, const CodeOptions& options);
Status restore_code(ObjectStore& store, const std::string& object, const std::string& tree_hash, const std::string& directory);
// Collects code snapshots that no job names, safely beside submitters.
Result<Collected> collect_code(ObjectStore& store);

// One finding of `baton store check`.
struct Finding {
  std::string key;        // object concerned
  std::string kind;       // "corrupt blob", "missing blob", "gap in events", …
  std::string meaning;    // what it means for which job, and what to do
  bool harmless = false;  // leftovers that gc removes
};
// Reads everything and verifies it (blobs too when `deep`).
Result<std::vector<Finding>> check_store(ObjectStore& store, bool deep, const std::function<void(uint64_t done)>& progress);

}  // namespace baton
