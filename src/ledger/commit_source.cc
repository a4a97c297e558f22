#include "ledger/commit_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>
#include <mutex>

#include "ledger/blob_codec.h"
#include "ledger/buffer.h"
#include "ledger/scan.h"
#include "os/files.h"

namespace baton {
namespace {

// The last blob that was asked for, decoded. Thread-safe.
class BlobCache {
 public:
  BlobCache(ObjectStore& store, const Manifest& manifest) : store_(store), manifest_(manifest) {}

  Status copy(uint32_t number, uint64_t offset, uint64_t size, char* to) {
    std::lock_guard lock(mutex_);
    if (number != number_) BATON_TRY(load(number));
    std::memcpy(to, plain_.data() + offset, size);
    return {};
  }

 private:
  Status load(uint32_t number) {
    number_ = Piece::kHole;
    const Blob& blob = manifest_.blobs[number];
    std::string what = fmt::format("blob {} of job {}", blob.hash, manifest_.job);
    BATON_TRY(buffer_.reserve(blob.stored + kDirectAlignment));
    BATON_ASSIGN(size_t size, store_.read_into(blob_key(manifest_.job, blob.attempt, blob.hash),
                                               buffer_.data(), blob.stored));
    BATON_ASSIGN(plain_, decoder_.decode(blob, manifest_.seed, buffer_.view(0, size), what));
    number_ = number;
    return {};
  }

  ObjectStore& store_;
  const Manifest& manifest_;
  std::mutex mutex_;
  Buffer buffer_;
  BlobDecoder decoder_;
  uint32_t number_ = Piece::kHole;
  std::string_view plain_;
};

bool is_of_commit(const struct stat& info, const TreeEntry& entry) {
  int64_t mtime_ns =
      static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  return S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) == entry.size &&
         mtime_ns == entry.mtime_ns;
}

}  // namespace

ByteSource commit_source(ObjectStore& store, const Manifest& manifest, const TreeEntry& entry) {
  auto cache = std::make_shared<BlobCache>(store, manifest);
  auto view = [cache, &entry](uint64_t offset, uint64_t size,
                              char* scratch) -> Result<std::string_view> {
    uint64_t at = 0;  // where the piece begins in the file
    for (const Piece& piece : entry.pieces) {
      uint64_t begin = std::max(at, offset), end = std::min(at + piece.size, offset + size);
      if (begin < end) {
        char* to = scratch + (begin - offset);
        if (piece.blob == Piece::kHole)
          std::memset(to, 0, end - begin);
        else
          BATON_TRY(cache->copy(piece.blob, piece.offset + (begin - at), end - begin, to));
      }
      at += piece.size;
    }
    return std::string_view(scratch, size);
  };
  return {entry.size, false, view};
}

Result<ByteSource> local_source(const std::string& directory, const TreeEntry& entry) {
  const std::string path = join_path(directory, entry.path);
  // The program may have put a link in place of a directory on the way.
  BATON_ASSIGN(Fd root, open_root(directory));
  if (!root.valid()) return Error{Code::not_found, "there is no " + directory, ""};
  BATON_ASSIGN(Fd opened, open_beneath(root.get(), entry.path, O_RDONLY, directory));
  auto fd = std::make_shared<Fd>(std::move(opened));
  struct stat before {};
  if (fstat(fd->get(), &before) != 0) return errno_error(errno, "look at " + path);
  if (!is_of_commit(before, entry))
    return Error{Code::not_found, path + " has changed since the commit", ""};
  auto view = [fd, path, before](uint64_t offset, uint64_t size,
                                 char* scratch) -> Result<std::string_view> {
    BATON_ASSIGN(size_t got, read_at(fd->get(), scratch, size, offset, path));
    struct stat now {};
    bool same = fstat(fd->get(), &now) == 0 && now.st_size == before.st_size &&
                now.st_ctim.tv_sec == before.st_ctim.tv_sec &&
                now.st_ctim.tv_nsec == before.st_ctim.tv_nsec;
    if (got != size || !same)
      return Error{Code::transient, path + " has changed while it was being sent", ""};
    return std::string_view(scratch, size);
  };
  return ByteSource{entry.size, false, view};
}

}  // namespace baton
