// Results in a bucket, as plain objects: <place>/<job>/<path>, whatever a commit holds below
// results/.
//
//   <job>/_baton/delivered.json   what baton has written there; a file that is about to be written
//                                 or removed is marked as pending before
//   <job>/_baton/complete.json    written last, when the job has ended: all is there
//
// Nothing is ever overwritten or removed that this record does not name, or that has another
// checksum (or, where the service tells none, size) than baton left it with. docs/buckets.md has
// it for users.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "ledger/commit_source.h"
#include "ledger/commits.h"
#include "store/bucket.h"
#include "store/transfer.h"

namespace baton {

struct Delivery {
  uint64_t files = 0, bytes = 0;      // there now
  uint64_t sent = 0, sent_bytes = 0;  // this time
  // Names that no object can have, links, and what somebody else's object stands in the way of;
  // each with its reason.
  std::vector<std::string> left_out;
};

// A file beside those of the commit.
struct ExtraFile {
  std::string name, content;
};

// Not thread-safe, but for cancel().
class BucketDelivery {
 public:
  // `bucket`: of the spec's results. `clock` must outlive it.
  BucketDelivery(std::shared_ptr<Bucket> bucket, Clock& clock, std::string job);

  // Makes the objects what the commit's results are: sends what is new or changed, removes what is
  // there no more. `directory`: where the commit was captured; its files are read instead of the
  // store's as long as they are those of the commit ("": they never are). Code::cancelled.
  Result<Delivery> deliver(ObjectStore& store, const Manifest& manifest,
                           const std::string& directory, const std::vector<ExtraFile>& extras);

  // The same, and then compares sizes with a listing: what was changed meanwhile, by somebody or by
  // an agent that was overtaken, is named as left out. Writes complete.json with `facts`, how much
  // there is, and what was left out.
  Result<Delivery> complete(ObjectStore& store, const Manifest& manifest,
                            const std::string& directory, const std::vector<ExtraFile>& extras,
                            Json facts);

  // Whether complete.json is there.
  Result<bool> is_complete();
  // "s3://bucket/prefix/<job>", for people.
  std::string place() const { return bucket_->name() + "/" + job_; }
  // What is being sent is given up at the next opportunity. Thread-safe.
  void cancel(bool on) { cancelled_ = on; }

 private:
  struct Sent {
    uint64_t size = 0;
    int64_t mtime_ns = 0;
    uint32_t crc = 0;
    bool pending = false;  // being written or removed: whatever stands there is ours
    bool certain = false;  // written by this very object
  };
  struct Task {
    std::string name;
    const TreeEntry* entry = nullptr;
    const ExtraFile* extra = nullptr;
  };

  std::string key(const std::string& name) const { return job_ + "/" + name; }
  Status load();
  Status save();
  Status plan(const Manifest& manifest, const std::vector<ExtraFile>& extras);
  void add(Task task, uint64_t size, int64_t mtime_ns);
  bool ours(const std::string& name, const Sent& sent);
  void leave_out(const std::string& name, const std::string& why);
  Status send(ObjectStore& store, const Manifest& manifest, const std::string& directory,
              const Task& task, const TransferOptions& options);
  Result<uint32_t> send_bytes(const std::string& name, const ByteSource& source,
                              const TransferOptions& options);
  Status send_all(ObjectStore& store, const Manifest& manifest, const std::string& directory);
  Status remove_gone();
  Status check_sizes();

  std::shared_ptr<Bucket> bucket_;
  const std::string job_;
  TransferOptions transfer_;
  BucketRetry retry_;
  std::mutex mutex_;  // guards what the threads of send_all note
  std::map<std::string, Sent> sent_;
  std::set<std::string> foreign_;  // objects that were there before, and are not ours
  std::set<std::string> fresh_;    // being written for the first time
  bool loaded_ = false, marked_ = false;
  std::vector<Task> tasks_;
  std::vector<std::string> gone_;
  Delivery now_;
  std::atomic<bool> cancelled_{false};
};

// The key of the marker that is written last: "<job>/_baton/complete.json".
std::string complete_key(const std::string& job);

}  // namespace baton
