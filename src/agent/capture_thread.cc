#include "agent/capture_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace baton {

CaptureThread::CaptureThread() : done_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

CaptureThread::~CaptureThread() {
  cancel();
  if (thread_.joinable()) thread_.join();
}

void CaptureThread::start(Committer& committer, std::vector<CaptureRoot> roots, uint64_t seq,
                          uint64_t metrics_bytes, int64_t wall_ms) {
  cancelled_ = false;
  finished_ = false;
  thread_ = std::thread([this, &committer, roots = std::move(roots), seq, metrics_bytes, wall_ms] {
    CaptureOptions options;
    options.cancelled = [this] { return cancelled_.load(); };
    result_ = std::make_unique<Result<Captured>>(
        committer.capture(roots, seq, metrics_bytes, wall_ms, options));
    finished_ = true;
    uint64_t one = 1;
    ssize_t ignored =
        ::write(done_.get(), &one, sizeof one);  // cannot fail: the counter is far from full
    (void)ignored;
  });
}

std::optional<Result<Captured>> CaptureThread::take() {
  if (!thread_.joinable() || !finished_) return std::nullopt;
  return join();
}

Result<Captured> CaptureThread::join() {
  thread_.join();
  uint64_t count;
  ssize_t ignored = ::read(done_.get(), &count, sizeof count);
  (void)ignored;
  return std::move(*result_);
}

}  // namespace baton
