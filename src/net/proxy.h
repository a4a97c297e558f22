// Which proxy a URL goes through, by the usual environment variables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace baton {

struct Proxy {
  std::string host, port;
  std::string authorization;  // value of Proxy-Authorization; "": none
};

struct ProxyRules {
  std::string http, https;  // proxies' URLs, "": none
  std::string exempt;       // no_proxy: "*", or names with their subdomains, optionally with a port
};

// http_proxy (lower case only: HTTP_PROXY is what a CGI client's "Proxy:" header becomes),
// https_proxy, all_proxy, no_proxy; of the latter three upper case too.
ProxyRules proxy_rules_from_environment();

// The proxy for a URL; none where it is to be reached directly. Code::invalid for a proxy that is
// not an http:// URL (or bare host:port), so that a mistake is not taken for "no proxy".
Result<std::optional<Proxy>> choose_proxy(const ProxyRules& rules, const Url& url);

}  // namespace baton
