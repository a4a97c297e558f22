// The program's line to the agent: a unix socket on which it asks for commits.
//
// One JSON object a line, one answer a line, in order: {"op":"commit"} →
// {"ok":true,"commit":"00000003-1"} once it is durable, or {"ok":false,"error":"…"}.
#pragma once

#include <poll.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace baton {

// Not thread-safe; nothing here blocks. The container is not trusted: lines are at most 4 KiB,
// clients at most 64.
class ProgramSocket {
 public:
  // Listens at `path` (its directory's permissions say who may connect).
  static Result<ProgramSocket> listen(const std::string& path);
  // Adds what poll(2) has to wait for.
  void add_to(std::vector<pollfd>& fds) const;
  struct Request {
    int client;  // for answer()
    std::string line;
  };
  // Reads what came, without blocking.
  std::vector<Request> read();
  // Sends one line; a client that is gone is dropped.
  void answer(int client, const std::string& line);

 private:
  explicit ProgramSocket(Fd listener) : listener_(std::move(listener)) {}
  void accept_all();
  Fd listener_;
  std::map<int, std::pair<Fd, std::string>>
      clients_;  // by descriptor number, with the unfinished line
};

}  // namespace baton
