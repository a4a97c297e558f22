// Reads an HTTP/1.1 reply as its bytes come.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace baton {

// Takes the decoded body piece by piece; an error ends the reading.
using BodySink = std::function<Status(std::string_view)>;

// One reply; not thread-safe. The body goes to a sink, so that nothing needs to hold all of it.
class ReplyParser {
 public:
  // `body_follows`: false for a reply to HEAD or CONNECT, which has no body whatever its headers
  // say.
  ReplyParser(bool body_follows, BodySink sink);
  ~ReplyParser();
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  // Takes bytes; returns how many belong to this reply (fewer than given: the rest is beyond it, or
  // is to be given again with more after it). Errors: transient for what is not HTTP, the sink's.
  Result<size_t> put(std::string_view bytes);
  // The stream has ended: transient where the reply has not (cut off).
  Status end();
  bool done() const;
  // Whether another exchange may follow on the connection.
  bool keep_alive() const;
  // Status and headers so far; the body stays empty.
  HttpResponse& response();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baton
