// Runs one capture at a time beside the watching loop.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "ledger/commits.h"
#include "os/fd.h"

namespace baton {

// Used from one thread; the capture itself runs in another. The Committer is lent while busy().
class CaptureThread {
 public:
  CaptureThread();
  ~CaptureThread();  // cancels and joins
  CaptureThread(const CaptureThread&) = delete;
  CaptureThread& operator=(const CaptureThread&) = delete;
  // Precondition: not busy.
  void start(Committer& committer, std::vector<CaptureRoot> roots, uint64_t seq,
             uint64_t metrics_bytes, int64_t wall_ms);
  bool busy() const { return thread_.joinable(); }
  // Readable when a result is there.
  int fd() const { return done_.get(); }
  // The result, once; none while the capture runs.
  std::optional<Result<Captured>> take();
  // Waits for the capture's end.
  Result<Captured> join();
  void cancel() { cancelled_ = true; }

 private:
  std::thread thread_;
  Fd done_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> finished_{false};
  std::unique_ptr<Result<Captured>> result_;
};

}  // namespace baton
