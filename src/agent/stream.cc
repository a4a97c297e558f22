#include "agent/stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kBufferLimit = 16 << 20;
constexpr size_t kChunk = 1 << 20;

}  // namespace

void StoreStream::add(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (buffer_.size() + bytes.size() > kBufferLimit) {
    size_t drop = std::min(buffer_.size(), buffer_.size() + bytes.size() - kBufferLimit / 2);
    buffer_.erase(0, drop);
    dropped_ += drop;
  }
  buffer_.append(bytes);
}

size_t StoreStream::waiting() const {
  std::lock_guard lock(mutex_);
  return chunk_.size() + buffer_.size();
}

uint64_t StoreStream::end() const {
  std::lock_guard lock(mutex_);
  return offset_ + chunk_.size() + buffer_.size();
}

// False when nothing is left to send.
bool StoreStream::next_chunk() {
  std::lock_guard lock(mutex_);
  if (!chunk_.empty()) return true;
  if (dropped_ > 0) {
    chunk_ =
        fmt::format("\n[baton: {} bytes are missing here: the store did not answer]\n", dropped_);
    dropped_ = 0;
  } else {
    chunk_ = buffer_.substr(0, kChunk);
    buffer_.erase(0, chunk_.size());
  }
  if (chunk_.empty()) buffer_.shrink_to_fit();
  return !chunk_.empty();
}

Status StoreStream::flush() {
  // The chunk in flight, the line on dropped bytes, the rest; what is added meanwhile has time.
  for (size_t chunks = waiting() / kChunk + 3; chunks > 0 && next_chunk(); --chunks) {
    BATON_TRY(ledger_.append_stream(job_, stream_, attempt_, offset_, chunk_));
    std::lock_guard lock(mutex_);
    offset_ += chunk_.size();
    chunk_.clear();
  }
  return {};
}

Fd open_metrics(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return fd;
}

Status MetricsTail::pump(bool all) {
  const Fd fd = open_metrics(path_);
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return stream_.flush();
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  while (true) {
    BATON_TRY(stream_.flush());
    const uint64_t at = stream_.end();
    if (at >= size) return {};
    std::string bytes(std::min<uint64_t>(size - at, kChunk), '\0');
    BATON_ASSIGN(size_t n, read_at(fd.get(), bytes.data(), bytes.size(), at, path_));
    bytes.resize(n);
    if (!all) bytes.resize(bytes.rfind('\n') == std::string::npos ? 0 : bytes.rfind('\n') + 1);
    if (bytes.empty()) return {};
    stream_.add(bytes);
  }
}

}  // namespace baton
