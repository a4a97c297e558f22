// One client's connection to the benchmarks' S3 server: requests in, replies out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"
#include "s3/objects.h"

namespace baton::bench {

struct Request {
  std::string method;
  std::string path;                                          // decoded, without the first '/'
  std::map<std::string, std::string> query;                  // decoded
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string header(std::string_view name) const;
};

// Blocking; of one thread. `directory`: where large bodies become files without a name.
class Connection {
 public:
  Connection(Fd fd, std::string directory)
      : fd_(std::move(fd)), directory_(std::move(directory)), buffer_(kBuffer) {}
  // False at the end of the stream, and for what is not understood.
  bool read_request(Request& request);
  // The body of that request, which must be taken whole before the next one; none when it breaks
  // off. The chunks of Amazon's own encoding are taken apart; their signatures count for nothing.
  std::shared_ptr<const Bytes> read_body(const Request& request);

  bool reply(int status, const std::string& headers, std::string_view body, bool head_only = false);
  // `size` bytes from `offset` of the object.
  bool reply(int status, const std::string& headers, const Object& object, uint64_t offset,
             uint64_t size);

 private:
  static constexpr size_t kBuffer = 256 << 10;
  bool fill();
  bool send_all(std::string_view bytes, int flags);
  bool send_file(int file, uint64_t offset, uint64_t size);
  bool take_line(std::string& line);
  // Moves bytes of the body behind those that are in `to`.
  bool take(Bytes& to, uint64_t size);

  Fd fd_;
  const std::string directory_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // what was read and not used yet
};

}  // namespace baton::bench
