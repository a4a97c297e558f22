// One HTTP/1.1 connection, direct or through a proxy.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "net/proxy.h"
#include "net/transport.h"

namespace baton {

class ReplyParser;

// Where a request goes.
struct Route {
  Url url;
  std::optional<Proxy> proxy;
  // Connections of equal keys are interchangeable.
  std::string key() const;
};

// Used by one thread at a time.
class HttpConnection {
 public:
  // Looks up, connects, asks the proxy for a tunnel where there is TLS behind one, shakes hands.
  // `tls` may be null for http://.
  static Result<std::unique_ptr<HttpConnection>> open(const Route& route,
                                                      const ResolverOptions& resolver,
                                                      const TlsContext* tls,
                                                      const Deadline& deadline,
                                                      const Cancel* cancel);
  // Sends the request and reads the whole reply. After an error the connection is of no further
  // use.
  Result<HttpResponse> exchange(const HttpRequest& request, const Route& route,
                                const Deadline& deadline, const Cancel* cancel);
  // May carry another exchange.
  bool reusable() const { return reusable_ && transport_->quiet(); }
  // The last exchange failed before a single byte of its reply: a kept connection that the server
  // had given up meanwhile looks like this.
  bool died_unanswered() const { return !answered_ && !stalled_; }

 private:
  explicit HttpConnection(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)) {}
  Result<HttpResponse> read_reply(const HttpRequest& request, const Deadline& deadline,
                                  const Cancel* cancel);
  class Pace;
  Status read_message(ReplyParser& parser, std::string& pending, Pace& pace, const Cancel* cancel);

  std::unique_ptr<Transport> transport_;
  std::vector<char> buffer_;
  bool reusable_ = true;
  bool answered_ = false;
  bool stalled_ = false;
};

}  // namespace baton
