// The program's line to the agent: a unix socket on which it asks for commits.
//
// One JSON object a line, one answer a line, in order: {"op":"commit"} →
// {"ok":true,"commit":"00000003-1"} once it is durable, or {"ok":false,"error":"…"}.
#pragma once

#include <poll.h>

#include <cstdint>
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
  // A number that no other client ever gets.
  using Client = uint64_t;
  struct Request {
    Client client;  // is owed one answer()
    std::string line;
  };
  // Reads what came, without blocking.
  std::vector<Request> read();
  // Sends one line; a client that is gone is dropped.
  void answer(Client client, const std::string& line);
  // False once nobody is there who would read an answer.
  bool knows(Client client) const { return clients_.contains(client); }

 private:
  struct Connection {
    Fd fd;
    std::string pending;     // the unfinished line
    size_t owed = 0;         // answers
    bool asked_all = false;  // it has shut down its writing side, and may still read
  };
  explicit ProgramSocket(Fd listener) : listener_(std::move(listener)) {}
  void accept_all();
  // False when it is gone.
  static bool receive(Connection& connection);
  Fd listener_;
  Client last_client_ = 0;
  std::map<Client, Connection> clients_;
};

}  // namespace baton
