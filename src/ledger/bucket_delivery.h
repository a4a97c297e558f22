// Results in a bucket, as plain objects: <place>/<job>/<path>, whatever a commit holds below
// results/.
//
//   <job>/_baton/delivered.json   what baton has written there; a file that is about to be written
//                                 or removed is marked as pending before
//   <job>/_baton/complete.json    written last, when the job has ended: all is there
//
// Nothing is ever overwritten or removed that this record does not name, or that has neither the
// version nor the checksum that baton left it with. Each object is looked at before it is touched,
// also where it was written by this very process, and written or removed on the condition that it
// is still the version that was seen. docs/buckets.md has it for users.
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

  // The same, and then compares all with a listing: what was changed meanwhile, by somebody or by
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
  struct Content {
    uint64_t size = 0;
    uint32_t crc = 0;
    std::string version;  // of the object that has it; "": not known
  };
  struct Sent {
    Content content;  // as baton left it, or is writing it for the first time
    int64_t mtime_ns = 0;
    bool pending = false;         // being written or removed: perhaps done, perhaps not
    std::optional<Content> next;  // what is being written over it
  };
  struct Task {
    std::string name;
    const TreeEntry* entry = nullptr;
    const ExtraFile* extra = nullptr;
    uint32_t crc = 0;                // of what is to be there
    Write write = Write::if_absent;  // on what condition
    bool foreign = false;
    uint64_t size() const { return entry ? entry->size : extra ? extra->content.size() : 0; }
  };
  // What the bytes to send come from.
  struct From {
    ObjectStore& store;
    const Manifest& manifest;
    const std::string& directory;
  };

  std::string key(const std::string& name) const { return job_ + "/" + name; }
  Status load();
  Result<std::map<std::string, Sent>> read_record();
  Status each_listed(const std::function<void(const ObjectInfo& object)>& use);
  Status save();
  Result<std::string> write_record();
  Status take_over();
  Status plan(const Manifest& manifest, const std::vector<ExtraFile>& extras);
  void add(Task task, int64_t mtime_ns);
  void leave_out(const std::string& name, const std::string& why);
  bool is_left_out(const std::string& name) const;

  Status poll() const;
  Status each_task(const std::function<Status(Task& task)>& work);
  Status with_source(const From& from, const Task& task,
                     const std::function<Status(const ByteSource& source)>& use);
  Status measure(const From& from);
  Result<bool> has_content(const std::string& name, const BucketObject& there,
                           const Content& content);
  Result<std::optional<Write>> claim(const Task& task);
  Status claim_all(std::vector<Task>& tasks);
  Status settle();
  void announce();
  Status send(const From& from, const Task& task);
  Result<Uploaded> put(const Task& task, const ByteSource& source);
  Status remove_gone();
  Status remove_one(const Task& task);
  Status check_listing();

  std::shared_ptr<Bucket> bucket_;
  const std::string job_;
  TransferOptions transfer_;
  BucketRetry retry_;
  std::mutex mutex_;  // guards what the threads of each_task and remove_gone note
  std::map<std::string, Sent> sent_;
  std::string record_version_;     // of delivered.json, as it was read or written last; "": none
  std::set<std::string> foreign_;  // objects that were there before, and are not ours
  bool loaded_ = false, marked_ = false;
  std::vector<Task> tasks_;
  std::vector<Task> gone_;  // names alone
  Delivery now_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> no_versions_{false};  // the service refuses conditions on versions
};

// The key of the marker that is written last: "<job>/_baton/complete.json".
std::string complete_key(const std::string& job);

}  // namespace baton
