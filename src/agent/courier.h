// Takes results to a bucket beside the running program, commit by commit.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/agent.h"
#include "ledger/bucket_delivery.h"

namespace baton {

// Used from one thread; the delivering itself runs in another, of which there is one only while
// there is something to do. Destroying it gives up what is being sent.
class Courier {
 public:
  // `directory`: where the program's results are.
  Courier(std::shared_ptr<Bucket> bucket, AgentParts& parts, const std::string& job,
          std::string directory);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // A commit was recorded: its results are to be delivered. Of several that wait, the last counts.
  // What goes wrong is said once, and tried again with the next commit.
  void post(const Manifest& commit);
  // Gives up what is being sent and takes nothing more: time is short, and a commit needs the line.
  void stand_back();
  // The line is free again: the last commit, and what is posted from now on, is delivered.
  void carry_on();
  // The last commit that was posted, now, on this thread. `extras` go beside it; `facts`, when the
  // job has ended for good, into the marker that says so.
  Status deliver_last(const std::vector<ExtraFile>& extras, const std::optional<Json>& facts);
  std::string place() const { return delivery_.place(); }

 private:
  void work();
  void tell_late(const Error& error);
  void tell(const Delivery& delivery);
  void wait_for_thread();

  AgentParts& parts_;
  const std::string directory_;
  BucketDelivery delivery_;  // the thread's while it runs
  std::mutex mutex_;
  std::optional<Manifest> next_;  // guarded by mutex_
  bool working_ = false;          // guarded by mutex_
  std::optional<Manifest> last_;
  bool standing_back_ = false;
  std::set<std::string> said_;  // what was said of files that are left out, and of errors
  std::thread thread_;
};

}  // namespace baton
