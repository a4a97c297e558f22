// HTTP/1.1 client, with TLS.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace baton {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The slowest line that is waited for: 1 Mbit/s. Slower counts as standing still.
constexpr int64_t kSlowestBytesPerMs = 128;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://
  Headers headers;
  // The body is these three in a row; body_view is memory of the caller's, which outlives the
  // exchange.
  std::string body;
  std::string_view body_view;
  std::string body_tail;
  uint64_t body_size() const { return body.size() + body_view.size() + body_tail.size(); }
  // Takes the body of a 2xx reply piece by piece as it comes (HttpResponse::body then stays empty,
  // and max_body does not count); its error ends the exchange and is returned.
  std::function<Status(std::string_view)> on_body;
  int64_t connect_timeout_ms = 10'000;  // name look-up and connection and TLS handshake together
  int64_t timeout_ms = 60'000;          // the whole exchange, so that a slow drip ends too
  // Above 0: so long the reply may bring nothing, and so long it may take in all, besides what a
  // line of kSlowestBytesPerMs needs for what has come. For replies of a size that is not known.
  int64_t stall_ms = 0;
  uint64_t max_body = 64 << 20;  // a longer reply is Code::invalid
  bool use_proxy = true;         // honour http(s)_proxy / no_proxy; metadata services must not
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
  // The value of a header, by name without regard to case; "" when absent.
  std::string header(const std::string& name) const;
};

// Cancels a request from another thread. Thread-safe, level-triggered.
class Cancel {
 public:
  Cancel();
  ~Cancel();
  void set();
  bool is_set() const { return set_; }
  // Readable once set() was called.
  int fd() const { return fd_; }
  // Waits at most `timeout_ms`; true when cancelled.
  bool wait_ms(int64_t timeout_ms) const;

 private:
  std::atomic<bool> set_{false};
  int fd_;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Any HTTP status is a success here. Errors: transient (no connection, reset, time-out, truncated
  // reply), invalid (bad URL, reply too large), denied (certificate not trusted), cancelled.
  // Thread-safe; connections are kept alive and reused.
  virtual Result<HttpResponse> send(const HttpRequest& request, const Cancel* cancel = nullptr) = 0;
};

// Where name look-up reads; only tests change it.
struct ResolverOptions {
  std::string hosts_file = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";
  uint16_t dns_port = 53;
};

struct HttpClientOptions {
  std::string
      ca_file;  // "": $SSL_CERT_FILE, else the system's bundle, else the one inside the binary
  ResolverOptions resolver;
};
// Real client over sockets. Name look-up works in a static binary and without any file in /etc.
// Starts no thread and opens no file before the first request; does not follow redirects.
// Proxies are read from the environment once, here.
std::unique_ptr<HttpClient> make_http_client(const HttpClientOptions& options = {});

struct Url {
  std::string scheme, host, port, target;  // target: path and query, at least "/"
};
// Scheme and host in lower case, an IPv6 address without its brackets, the scheme's port where none
// is given, a fragment dropped. Code::invalid for anything else, user names and passwords included.
Result<Url> parse_url(const std::string& url);
// True for https, and for this machine itself: where a secret may be sent.
bool is_private(const Url& url);

}  // namespace baton
