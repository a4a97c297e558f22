// What the watching loop has done elsewhere, so that it never waits for a store itself.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.h"
#include "os/fd.h"

namespace baton {

// Does one errand after the other, in their order, on a thread of its own. Where no thread can be
// had, it is the user's that does them: late is better than never. Used from one thread.
class Errands {
 public:
  // What the user's thread does about an errand's outcome; may be empty.
  using After = std::function<Status()>;
  using Errand = std::function<After()>;

  Errands();
  // What has not begun is dropped; what has is waited for.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void post(Errand errand);
  // Readable when take() has something.
  int fd() const { return event_.get(); }
  std::optional<After> take();
  // Waits until all that was posted is done, and drops what take() would have given.
  void finish();

 private:
  void begin();
  void work();
  void do_first(std::unique_lock<std::mutex>& lock);

  Fd event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Errand> posted_;  // guarded by mutex_; the first is the one being done
  std::deque<After> done_;     // guarded by mutex_
  bool ending_ = false;        // guarded by mutex_
  std::thread thread_;
};

}  // namespace baton
