#include <strings.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/text.h"
#include "net/connection.h"
#include "net/deadline.h"
#include "net/http.h"
#include "net/tls.h"

namespace baton {
namespace {

// Many servers close a connection after 20 s or more of silence.
constexpr int64_t kIdleMs = 15'000;
constexpr size_t kMaxIdle = 64;

bool is_token(const std::string& text) {
  auto good = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

// What would change the message's framing, or smuggle a second header in, is refused.
Status check(const HttpRequest& request) {
  if (!is_token(request.method))
    return Error{Code::invalid, printable(request.method) + " is no HTTP method", ""};
  for (const auto& [name, value] : request.headers) {
    bool framing = false;
    for (const char* own :
         {"Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization"})
      framing = framing || strcasecmp(name.c_str(), own) == 0;
    bool control = std::any_of(value.begin(), value.end(), [](char c) {
      auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && byte != '\t') || byte == 0x7f;
    });
    if (!is_token(name) || control || framing)
      return Error{Code::invalid, "the header \"" + printable(name) + "\" cannot be sent", ""};
  }
  return {};
}

// Requests that may be sent again when a kept connection turns out dead (RFC 9110, 9.2.2).
bool is_idempotent(const std::string& method) { return method != "POST" && method != "PATCH"; }

// Idle connections by route. Thread-safe.
class Pool {
 public:
  std::unique_ptr<HttpConnection> take(const std::string& key) {
    std::lock_guard lock(mutex_);
    drop_old();
    auto it = idle_.find(key);
    if (it == idle_.end()) return nullptr;
    auto connection = std::move(it->second.connection);
    idle_.erase(it);
    return connection->reusable() ? std::move(connection) : nullptr;
  }

  void put(const std::string& key, std::unique_ptr<HttpConnection> connection) {
    std::lock_guard lock(mutex_);
    drop_old();
    if (idle_.size() < kMaxIdle)
      idle_.emplace(key, Idle{std::move(connection), Deadline::in_ms(kIdleMs)});
  }

 private:
  struct Idle {
    std::unique_ptr<HttpConnection> connection;
    Deadline until;
  };
  void drop_old() {
    std::erase_if(idle_, [](const auto& entry) { return entry.second.until.passed(); });
  }

  std::mutex mutex_;
  std::multimap<std::string, Idle> idle_;
};

class SocketHttpClient : public HttpClient {
 public:
  explicit SocketHttpClient(const HttpClientOptions& options)
      : options_(options), proxies_(proxy_rules_from_environment()) {}

  Result<HttpResponse> send(const HttpRequest& request, const Cancel* cancel) override {
    BATON_TRY(check(request));
    Route route;
    BATON_ASSIGN(route.url, parse_url(request.url));
    if (request.use_proxy) {
      BATON_ASSIGN(route.proxy, choose_proxy(proxies_, route.url));
    }
    Deadline deadline = Deadline::in_ms(request.timeout_ms);
    std::string key = route.key();
    std::unique_ptr<HttpConnection> connection = pool_.take(key);
    bool kept = connection != nullptr;
    while (true) {
      if (!connection) {
        BATON_ASSIGN(connection, open(route, deadline.sooner(request.connect_timeout_ms), cancel));
      }
      auto reply = connection->exchange(request, route, deadline, cancel);
      bool again = kept && reply.is(Code::transient) && connection->died_unanswered() &&
                   is_idempotent(request.method) && !deadline.passed();
      if (!again) {
        if (reply.ok() && connection->reusable()) pool_.put(key, std::move(connection));
        return reply;
      }
      connection.reset();
      kept = false;
    }
  }

 private:
  Result<std::unique_ptr<HttpConnection>> open(const Route& route, const Deadline& deadline,
                                               const Cancel* cancel) {
    const TlsContext* tls = nullptr;
    if (route.url.scheme == "https") {
      BATON_ASSIGN(tls, shared_tls());
    }
    return HttpConnection::open(route, options_.resolver, tls, deadline, cancel);
  }

  // Made on first need; a failure is tried again next time.
  Result<const TlsContext*> shared_tls() {
    std::lock_guard lock(tls_mutex_);
    if (!tls_) {
      BATON_ASSIGN(tls_, make_tls_context(options_.ca_file));
    }
    return static_cast<const TlsContext*>(tls_.get());
  }

  HttpClientOptions options_;
  ProxyRules proxies_;
  Pool pool_;
  std::mutex tls_mutex_;
  std::unique_ptr<TlsContext> tls_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const HttpClientOptions& options) {
  return std::make_unique<SocketHttpClient>(options);
}

}  // namespace baton
