#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "net/http.h"
#include "net/shown_url.h"

namespace baton {
namespace {

constexpr size_t kMaxUrl = 64 << 10;

Error bad_url(const std::string& url, const std::string& why) {
  return Error{Code::invalid, "\"" + shown_url(url) + "\" is not a usable URL: " + why,
               "write it as http://host[:port]/path or https://host[:port]/path"};
}

bool all_of(std::string_view text, bool (*good)(unsigned char)) {
  return std::all_of(text.begin(), text.end(),
                     [good](char c) { return good(static_cast<unsigned char>(c)); });
}

bool is_name_char(unsigned char c) { return std::isalnum(c) || c == '-' || c == '.' || c == '_'; }
bool is_ipv6_char(unsigned char c) { return std::isxdigit(c) || c == ':' || c == '.'; }
bool is_digit(unsigned char c) { return std::isdigit(c) != 0; }
// RFC 3986 allows fewer; what can break a request line or a log is refused.
bool is_target_char(unsigned char c) { return c > 0x20 && c < 0x7f; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Splits "host", "host:port", "[v6]" or "[v6]:port"; false where it is none of these.
bool split_authority(std::string_view authority, std::string_view& host, std::string_view& port) {
  if (starts_with(authority, "[")) {
    size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    if (host.find(':') == std::string_view::npos || !all_of(host, is_ipv6_char)) return false;
  } else {
    size_t end = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, end);
    authority.remove_prefix(end);
    if (!all_of(host, is_name_char)) return false;
  }
  if (host.empty() || host.size() > 253) return false;
  if (authority.empty()) return true;
  if (authority[0] != ':') return false;
  port = authority.substr(1);
  return true;
}

}  // namespace

Result<Url> parse_url(const std::string& url) {
  if (url.size() > kMaxUrl) return bad_url(url, "it is longer than 64 KiB");
  std::string_view rest = url;
  size_t colon = rest.find("://");
  if (colon == std::string_view::npos) return bad_url(url, "it has no scheme");
  Url out;
  out.scheme = lower(rest.substr(0, colon));
  if (out.scheme != "http" && out.scheme != "https")
    return bad_url(url, "its scheme is neither http nor https");
  rest.remove_prefix(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos)
    return bad_url(url, "it carries a user name or password");
  std::string_view host;
  std::string_view port;
  if (!split_authority(authority, host, port)) return bad_url(url, "its host is not well-formed");
  if (port.empty()) port = out.scheme == "https" ? "443" : "80";
  if (port.size() > 5 || !all_of(port, is_digit) || std::stoi(std::string(port)) < 1 ||
      std::stoi(std::string(port)) > 65535)
    return bad_url(url, "its port is not a number from 1 to 65535");
  out.host = lower(host);
  out.port = port;
  out.target = rest.substr(slash);
  if (out.target.empty() || out.target[0] != '/') out.target = "/" + out.target;
  if (!all_of(out.target, is_target_char))
    return bad_url(url,
                   "it has a space, a control character or a non-ASCII byte (write it as %NN)");
  return out;
}

bool is_private(const Url& url) {
  // "127.example.org" is a name like any other.
  bool loopback = url.host.rfind("127.", 0) == 0 &&
                  url.host.find_first_not_of("0123456789.") == std::string::npos;
  return url.scheme == "https" || loopback || url.host == "localhost" || url.host == "::1";
}

}  // namespace baton
