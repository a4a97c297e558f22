#include "ledger/buffer.h"

#include <sys/mman.h>

#include <cerrno>

#include "os/files.h"

namespace baton {

Buffer::~Buffer() { release(); }

void Buffer::release() {
  if (data_) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

Status Buffer::reserve(size_t size) {
  if (size <= size_) return {};
  release();
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno_error(errno, "get memory for a commit");
  data_ = static_cast<char*>(memory);
  size_ = size;
  return {};
}

}  // namespace baton
