#include "net/connection.h"

#include <fcntl.h>
#include <strings.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "net/reply_parser.h"
#include "net/tls.h"
#include "os/clock.h"

namespace baton {
namespace {

constexpr size_t kTogether = 16 << 10;
constexpr size_t kReadSize = 256 << 10;
constexpr size_t kMostPending = 2 * kReadSize;
constexpr int kMaxInterim = 16;  // 1xx replies before the final one
constexpr uint64_t kMaxProxyReply = 1 << 20;

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string authority(const Url& url) {
  bool usual = url.port == (url.scheme == "https" ? "443" : "80");
  return bracketed(url.host) + (usual ? "" : ":" + url.port);
}

bool has_header(const Headers& headers, const char* name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return strcasecmp(header.first.c_str(), name) == 0;
  });
}

std::string request_head(const HttpRequest& request, const Route& route) {
  bool through_plain_proxy = route.proxy && route.url.scheme == "http";
  std::string head = request.method + " ";
  if (through_plain_proxy) head += "http://" + authority(route.url);
  head += route.url.target + " HTTP/1.1\r\n";
  auto add = [&head](const std::string& name, const std::string& value) {
    head += name + ": " + value + "\r\n";
  };
  auto add_default = [&](const char* name, const std::string& value) {
    if (!has_header(request.headers, name)) add(name, value);
  };
  add_default("Host", authority(route.url));
  add_default("User-Agent", "baton");
  add_default("Accept", "*/*");
  if (through_plain_proxy && !route.proxy->authorization.empty())
    add("Proxy-Authorization", route.proxy->authorization);
  for (const auto& [name, value] : request.headers) add(name, value);
  bool may_have_body =
      request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  uint64_t size = request.body_size();
  if (may_have_body || size > 0) add("Content-Length", std::to_string(size));
  return head + "\r\n";
}

std::string connect_head(const Route& route) {
  std::string target = bracketed(route.url.host) + ":" + route.url.port;
  std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!route.proxy->authorization.empty())
    head += "Proxy-Authorization: " + route.proxy->authorization + "\r\n";
  return head + "\r\n";
}

// Asks the proxy for a tunnel. Read byte by byte, so that nothing of what comes through it is
// swallowed.
Status open_tunnel(Transport& proxy, const Route& route, const Deadline& deadline,
                   const Cancel* cancel) {
  BATON_TRY(proxy.write_all(connect_head(route), deadline, cancel));
  ReplyParser parser(false, [](std::string_view) { return Status(); });
  std::string pending;
  for (uint64_t total = 0; !parser.done(); ++total) {
    char byte = 0;
    BATON_ASSIGN(size_t n, proxy.read_some(&byte, 1, deadline, cancel));
    if (n == 0) return parser.end();
    if (total > kMaxProxyReply) return Error{Code::transient, "the proxy's reply does not end", ""};
    pending += byte;
    if (byte != '\n') continue;
    BATON_ASSIGN(size_t used, parser.put(pending));
    pending.erase(0, used);
  }
  int status = parser.response().status;
  if (status / 100 == 2) return {};
  std::string where = route.proxy->host + ":" + route.proxy->port;
  return Error{
      status == 407 ? Code::denied : Code::transient,
      "the proxy " + where + " refuses to connect to " + authority(route.url) + " (status " +
          std::to_string(status) + ")",
      status == 407
          ? "put the user name and password into https_proxy: http://user:password@host:port"
          : ""};
}

}  // namespace

// Until when the next bytes of a reply have to come: HttpRequest::stall_ms.
class HttpConnection::Pace {
 public:
  Pace(const Deadline& whole, int64_t stall_ms) : whole_(whole), stall_ms_(stall_ms) {}
  void came(size_t bytes) { bytes_ += static_cast<int64_t>(bytes); }
  Deadline next() const {
    if (stall_ms_ <= 0) return whole_;
    int64_t took = SystemClock().mono_ms() - begin_;
    return whole_.sooner(std::min(stall_ms_, stall_ms_ + bytes_ / kSlowestBytesPerMs - took));
  }

 private:
  const Deadline whole_;
  const int64_t stall_ms_;
  const int64_t begin_ = SystemClock().mono_ms();
  int64_t bytes_ = 0;
};

std::string Route::key() const {
  std::string through =
      proxy ? " via " + proxy->host + ":" + proxy->port + " " + proxy->authorization : "";
  return url.scheme + "://" + bracketed(url.host) + ":" + url.port + through;
}

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const Route& route,
                                                             const ResolverOptions& resolver,
                                                             const TlsContext* tls,
                                                             const Deadline& deadline,
                                                             const Cancel* cancel) {
  const std::string& host = route.proxy ? route.proxy->host : route.url.host;
  const std::string& port = route.proxy ? route.proxy->port : route.url.port;
  BATON_ASSIGN(Fd fd, connect_tcp(host, port, resolver, deadline, cancel));
  std::string peer = bracketed(route.url.host) + ":" + route.url.port;
  if (!tls)
    return std::unique_ptr<HttpConnection>(
        new HttpConnection(make_plain_transport(std::move(fd), peer)));
  if (route.proxy) {
    Fd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    auto plain = make_plain_transport(std::move(copy), host + ":" + port);
    BATON_TRY(open_tunnel(*plain, route, deadline, cancel));
  }
  BATON_ASSIGN(auto transport,
               make_tls_transport(std::move(fd), route.url.host, peer, *tls, deadline, cancel));
  return std::unique_ptr<HttpConnection>(new HttpConnection(std::move(transport)));
}

Result<HttpResponse> HttpConnection::exchange(const HttpRequest& request, const Route& route,
                                              const Deadline& deadline, const Cancel* cancel) {
  answered_ = reusable_ = stalled_ = false;
  // Small pieces travel together, in one packet.
  std::string pending = request_head(request, route);
  Status sent;
  for (std::string_view piece :
       {std::string_view(request.body), request.body_view, std::string_view(request.body_tail)}) {
    if (piece.size() <= kTogether) {
      pending += piece;
      continue;
    }
    if (sent.ok()) sent = transport_->write_all(pending, deadline, cancel);
    pending.clear();
    if (sent.ok()) sent = transport_->write_all(piece, deadline, cancel);
  }
  if (sent.ok() && !pending.empty()) sent = transport_->write_all(pending, deadline, cancel);
  if (sent.is(Code::cancelled) || (!sent.ok() && deadline.passed())) return sent.error();
  // A server may refuse and close before it has read everything; what it said counts.
  auto reply = read_reply(request, deadline, cancel);
  if (!sent.ok()) {
    reusable_ = false;
    if (!reply.ok()) return sent.error();
  }
  return reply;
}

Result<HttpResponse> HttpConnection::read_reply(const HttpRequest& request,
                                                const Deadline& deadline, const Cancel* cancel) {
  Pace pace(deadline, request.stall_ms);
  std::string body;
  ReplyParser* current = nullptr;
  auto keep = [&](std::string_view piece) -> Status {
    if (request.on_body && current->response().status / 100 == 2) return request.on_body(piece);
    if (piece.size() > request.max_body - body.size())
      return Error{
          Code::invalid,
          "the reply is longer than the " + human_size(request.max_body) + " expected at most", ""};
    body += piece;
    return {};
  };
  std::string pending;
  for (int interim = 0; interim < kMaxInterim; ++interim) {
    ReplyParser parser(request.method != "HEAD", keep);
    current = &parser;
    BATON_TRY(read_message(parser, pending, pace, cancel));
    if (parser.response().status / 100 == 1) continue;
    reusable_ = parser.keep_alive() && pending.empty();
    HttpResponse response = std::move(parser.response());
    response.body = std::move(body);
    return response;
  }
  return Error{Code::transient, "the server sent nothing but interim replies", ""};
}

// One message, or an interim one; `pending` holds what came before it was asked for, and after it.
Status HttpConnection::read_message(ReplyParser& parser, std::string& pending, Pace& pace,
                                    const Cancel* cancel) {
  buffer_.resize(kReadSize);
  while (!parser.done()) {
    while (!pending.empty() && !parser.done()) {
      BATON_ASSIGN(size_t used, parser.put(pending));
      pending.erase(0, used);
      if (used == 0) break;
    }
    if (parser.done()) break;
    const Deadline next = pace.next();
    auto read = transport_->read_some(buffer_.data(), buffer_.size(), next, cancel);
    stalled_ = !read.ok() && next.passed();
    BATON_ASSIGN(size_t n, std::move(read));
    answered_ = answered_ || n > 0;
    pace.came(n);
    if (n == 0) return parser.end();
    std::string_view fresh(buffer_.data(), n);
    // What the parser takes at once, a body above all, is never copied into `pending`.
    while (pending.empty() && !fresh.empty() && !parser.done()) {
      BATON_ASSIGN(size_t used, parser.put(fresh));
      fresh.remove_prefix(used);
      if (used == 0) break;
    }
    pending += fresh;
    // What bounds headers and bodies does not count a chunk's extensions or a trailer.
    if (pending.size() > kMostPending)
      return Error{Code::transient, "the server sends a reply that is no HTTP", ""};
  }
  return {};
}

}  // namespace baton
