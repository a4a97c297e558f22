// Page-aligned memory that goes back to the system when it is no longer needed.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace baton {

// Owns an anonymous mapping. Aligned to pages, so that a store may write from it without copying
// (O_DIRECT); unmapped by the destructor, so that an agent between two captures is small.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();
  // Makes it at least `size` bytes; the content is lost when it grows.
  Status reserve(size_t size);
  char* data() { return data_; }
  size_t size() const { return size_; }
  std::string_view view(size_t offset, size_t size) const { return {data_ + offset, size}; }

 private:
  void release();
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace baton
