#include "net/proxy.h"

#include <strings.h>

#include <cstdlib>
#include <vector>

#include "base/encoding.h"
#include "base/text.h"

namespace baton {
namespace {

std::string variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value && *value) return value;
  }
  return "";
}

// One entry of no_proxy: ".example.org", "example.org" and "*.example.org" all mean it and what is
// below.
bool exempts(std::string entry, const Url& url) {
  size_t colon = entry.rfind(':');
  bool has_port = colon != std::string::npos && entry.find(':') == colon;
  if (has_port && entry.substr(colon + 1) != url.port) return false;
  if (has_port) entry.resize(colon);
  if (entry == "*") return true;
  if (starts_with(entry, "*")) entry.erase(0, 1);
  if (starts_with(entry, ".")) entry.erase(0, 1);
  if (entry.empty() || entry.size() > url.host.size()) return false;
  size_t at = url.host.size() - entry.size();
  return strcasecmp(url.host.c_str() + at, entry.c_str()) == 0 &&
         (at == 0 || url.host[at - 1] == '.');
}

}  // namespace

ProxyRules proxy_rules_from_environment() {
  ProxyRules rules;
  rules.http = variable({"http_proxy", "all_proxy", "ALL_PROXY"});
  rules.https = variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  rules.exempt = variable({"no_proxy", "NO_PROXY"});
  return rules;
}

Result<std::optional<Proxy>> choose_proxy(const ProxyRules& rules, const Url& url) {
  std::string proxy = url.scheme == "https" ? rules.https : rules.http;
  if (proxy.empty()) return std::optional<Proxy>();
  for (const std::string& entry : split(rules.exempt, ','))
    if (exempts(std::string(trim(entry)), url)) return std::optional<Proxy>();
  if (proxy.find("://") == std::string::npos) proxy = "http://" + proxy;
  size_t begin = proxy.find("://") + 3;
  // The last one wherever it is: passwords with characters that an address has elsewhere are
  // common.
  size_t at = proxy.rfind('@');
  Proxy out;
  if (at != std::string::npos && at >= begin) {
    out.authorization = "Basic " + base64(percent_decode(proxy.substr(begin, at - begin)));
    proxy.erase(begin, at + 1 - begin);
  }
  auto parsed = parse_url(proxy);
  if (!parsed.ok() || parsed->scheme != "http")
    return Error{
        Code::invalid,
        "the proxy for " + url.scheme + " addresses, \"" + printable(proxy) + "\", cannot be used",
        "set http_proxy and https_proxy to http://host:port, or unset them"};
  out.host = parsed->host;
  out.port = parsed->port;
  return std::optional<Proxy>(out);
}

}  // namespace baton
