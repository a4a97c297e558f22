// The commit path: directories → content-addressed chunks → manifest, and back.
//
// Invariant (docs/store-format.md, "Blobs"): a blob's name holds the attempt that wrote it; a
// writer creates blobs only under its own attempt and reuses others only from commits that are
// kept. Hence deleting what no kept commit names can never hurt a live job.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/event.h"
#include "os/fd.h"
#include "store/store.h"

namespace baton {

struct CaptureRoot {
  std::string root;  // "checkpoint", "results", "metrics"
  std::string path;  // directory on this machine
};

struct CaptureOptions {
  int threads = 2;  // processors to use; 0: the caller's thread does everything
  // Asked now and then; true aborts with Code::cancelled.
  std::function<bool()> cancelled;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// How many threads that makes. Twice as many as processors are meant to be used, since half of them
// wait for the store, and more where the store is far away.
inline int workers_for(const CaptureOptions& options, const ObjectStore& store) {
  if (options.threads <= 0) return 1;
  return std::max(options.threads * 2, store.concurrency());
}

struct Captured {
  Manifest manifest;
  std::string hash;           // sha256 of the encoded manifest
  uint64_t bytes = 0;         // captured in all
  uint64_t new_bytes = 0;     // plain bytes that had to be written
  uint64_t stored_bytes = 0;  // bytes written to the store
  int64_t took_ms = 0;
};

// What a cleaning removed.
struct Collected {
  uint64_t objects = 0, bytes = 0;
  std::vector<std::string> unsure;  // keys whose removal failed: they may be there or not
};

// Remembers fingerprints of what was last captured or restored, so that unchanged parts are neither
// hashed nor written again. One per attempt. Not thread-safe.
class Committer {
 public:
  virtual ~Committer() = default;
  // Captures the roots as commit number `seq`, or a greater one where this committer may have
  // written a manifest of that number before: the manifest tells (numbers may be skipped). Writes
  // blobs and manifest durably; the caller then appends `committed`. Code::transient "changed while
  // being captured" when any file changed in between: nothing is lost, try again later.
  // Code::no_space leaves earlier commits good. Code::exists: somebody else has written a manifest
  // of this number. Special files (sockets, devices, fifos) are skipped; symlinks are stored as
  // links, never followed. A root that is absent is captured as empty.
  virtual Result<Captured> capture(const std::vector<CaptureRoot>& roots, uint64_t seq,
                                   uint64_t metrics_bytes, int64_t wall_ms,
                                   const CaptureOptions& options) = 0;
  // Writes a commit's trees into the (empty or absent) directories, verifying every blob, and
  // remembers it for the next capture. Trees without a root here are left out. On error the
  // directories are left empty.
  virtual Status restore(const Manifest& manifest, const std::vector<CaptureRoot>& roots,
                         const CaptureOptions& options) = 0;
  // Tells which commits are kept now; drops others from memory as sources of reuse. Call it after
  // every `committed` and before anything is deleted.
  virtual Status set_kept(const std::vector<Manifest>& kept) = 0;
  // The owner's cleaning, between two captures: set_kept, then what collect_job does up to the own
  // attempt. A name whose removal failed is not written again before it was seen to succeed.
  // `cancelled` is asked now and then; once it says true, the rest stays for the next time.
  virtual Result<Collected> collect(const std::vector<Manifest>& kept,
                                    const std::function<bool()>& cancelled = {}) = 0;
};
std::unique_ptr<Committer> make_committer(ObjectStore& store, const std::string& job, int attempt);

// Reads and verifies the manifest of a committed event. Code::corrupt, Code::not_found.
Result<Manifest> read_manifest(ObjectStore& store, const std::string& job, const Event& committed);

// Events of the commits that a job keeps: the last `keep`, and whatever a final job ended with.
std::vector<Event> kept_commits(const Summary& summary, int keep);

// Deletes what no kept commit names: blobs and manifests of attempts before `below_attempt`. For
// gc, which passes the running attempt, or the latest + 1 when none runs; the owner uses
// Committer::collect. Removes manifests before blobs.
Result<Collected> collect_job(ObjectStore& store, const std::string& job,
                              const std::vector<Manifest>& kept, int below_attempt,
                              const std::function<bool()>& cancelled = {});

// Code snapshots: content-addressed over all jobs (docs/store-format.md, "Code"). A submitter takes
// the snapshot, writes job.json with its tree hash, stores the snapshot, and names the object in
// `created`.
struct CodeOptions {
  uint64_t max_bytes = 512ull << 20;  // more is refused unread, naming the largest directories
  std::vector<std::string>
      exclude;  // absolute paths never taken: the results directory, $BATON_HOME
};
struct CodeSnapshot {
  std::string tree_hash;  // "" when the directory holds nothing: there is no object then
  uint64_t bytes = 0, files = 0;
  std::shared_ptr<const Fd> packed;  // the object's bytes, in an unlinked temporary file
};
// .gitignore and .batonignore respected; .git never taken; a symlink that points outside is refused
// by name. Touches no store.
Result<CodeSnapshot> snapshot_code(const std::string& directory, const CodeOptions& options);
// Returns the key of an object that holds the snapshot, written only if there is none. Call it
// after add_job and before add_created.
Result<std::string> store_code(ObjectStore& store, const CodeSnapshot& snapshot);
// Writes the snapshot into a directory that is empty or absent, verifying everything.
Status restore_code(ObjectStore& store, const std::string& object, const std::string& tree_hash,
                    const std::string& directory);
// Removes code snapshots that no job refers to, safely beside submitters.
Result<Collected> collect_code(ObjectStore& store);

// The kind of what baton has not written: nothing removes it.
inline constexpr const char* kUnknownObject = "unknown object";

// One finding of `baton store check`.
struct Finding {
  std::string key;        // object concerned
  std::string kind;       // "corrupt blob", "missing blob", "gap in events", …
  std::string meaning;    // what it means for which job, and what to do
  bool harmless = false;  // leftovers, which gc removes, and unknown objects
};
// Reads everything and verifies it (blobs too when `deep`).
Result<std::vector<Finding>> check_store(ObjectStore& store, bool deep,
                                         const std::function<void(uint64_t done)>& progress);

}  // namespace baton
