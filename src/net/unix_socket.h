// Lines over a unix-domain stream socket: one request line, one reply line, then the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/deadline.h"
#include "os/fd.h"

namespace baton {

// One accepted connection. Moved freely; used by one thread at a time.
class LineConnection {
 public:
  explicit LineConnection(Fd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  // The next line without its newline, at most `limit` bytes. Errors: invalid (longer, or ends
  // without a newline), transient (time is over, connection broke), cancelled.
  Result<std::string> read_line(size_t limit, const Deadline& deadline,
                                const Cancel* cancel = nullptr);
  // `line` must not hold a newline. A peer that has gone is transient; never raises SIGPIPE.
  Status write_line(const std::string& line, const Deadline& deadline,
                    const Cancel* cancel = nullptr);
  // User id of the process that connected (SO_PEERCRED), seen from this process's user namespace;
  // -1 where the kernel does not tell.
  int64_t peer_uid() const;

 private:
  Fd fd_;
  std::string pending_;
};

// A listening socket file; removed with the object.
class LineServer {
 public:
  // Replaces a socket file that is in the way and that nobody listens on (a killed predecessor's),
  // and nothing else. `path` may be longer than a socket address can be (107 bytes). Errors name
  // the path; exists: somebody listens there.
  static Result<std::unique_ptr<LineServer>> listen(const std::string& path, mode_t mode = 0600);
  ~LineServer();
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  // Readable when somebody connects.
  int fd() const { return fd_.get(); }
  // Never blocks; Code::transient when nobody is there (any more).
  Result<LineConnection> accept();

 private:
  LineServer(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::string path_;
};

// Connects to a server's socket file. Errors: not_found (no such file), transient (nobody listens).
Result<LineConnection> connect_unix(const std::string& path, const Deadline& deadline);

}  // namespace baton
