#include "net/sigv4.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <vector>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/text.h"

namespace baton {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "20150830T123600Z".
std::string basic_time(int64_t wall_ms) {
  time_t seconds = wall_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

// Trimmed, with runs of spaces made one.
std::string tidy(std::string_view value) {
  std::string out;
  for (char c : trim(value))
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  return out;
}

// Every part encoded exactly once more than it is in the URL, or, for S3, as often.
std::string canonical_path(const std::string& path, bool s3) {
  return percent_encode(s3 ? percent_decode(path) : path, true);
}

// RFC 3986, 5.2.4, and empty parts dropped: what all services but S3 sign.
std::string normalized(const std::string& path) {
  std::vector<std::string> parts;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string out;
  for (const std::string& part : parts) out += "/" + part;
  bool directory = ends_with(path, "/") || ends_with(path, "/.") || ends_with(path, "/..");
  return out.empty() || directory ? out + "/" : out;
}

std::string canonical_query(const std::string& query) {
  Pairs pairs;
  if (!query.empty()) {
    for (const std::string& item : split(query, '&')) {
      size_t equals = std::min(item.find('='), item.size());
      std::string value = equals < item.size() ? item.substr(equals + 1) : "";
      pairs.emplace_back(percent_encode(percent_decode(item.substr(0, equals))),
                         percent_encode(percent_decode(value)));
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

struct CanonicalHeaders {
  std::string text, names;
};

// Headers of one name are joined in the order in which they are sent.
CanonicalHeaders canonical_headers(const Headers& headers) {
  Pairs sorted;
  for (const auto& [name, value] : headers) sorted.emplace_back(lower(name), tidy(value));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  CanonicalHeaders out;
  for (size_t i = 0; i < sorted.size(); ++i) {
    bool again = i > 0 && sorted[i].first == sorted[i - 1].first;
    if (again) {
      out.text.back() = ',';
      out.text += sorted[i].second + "\n";
    } else {
      out.text += sorted[i].first + ":" + sorted[i].second + "\n";
      out.names += (out.names.empty() ? "" : ";") + sorted[i].first;
    }
  }
  return out;
}

std::string host_header(const Url& url) {
  bool usual = url.port == (url.scheme == "https" ? "443" : "80");
  std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return usual ? host : host + ":" + url.port;
}

}  // namespace

Status sign_v4(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
               const std::string& payload, int64_t wall_ms) {
  BATON_ASSIGN(Url url, parse_url(request.url));
  bool s3 = scope.service == "s3";
  std::string time = basic_time(wall_ms);
  std::string date = time.substr(0, 8);
  request.headers.emplace_back("Host", host_header(url));
  request.headers.emplace_back("X-Amz-Date", time);
  if (!credentials.token.empty())
    request.headers.emplace_back("X-Amz-Security-Token", credentials.token);
  if (s3) request.headers.emplace_back("X-Amz-Content-Sha256", payload);

  size_t mark = std::min(url.target.find('?'), url.target.size());
  std::string path = url.target.substr(0, mark);
  std::string query = mark < url.target.size() ? url.target.substr(mark + 1) : "";
  CanonicalHeaders headers = canonical_headers(request.headers);
  std::string canonical = request.method + "\n" + canonical_path(s3 ? path : normalized(path), s3) +
                          "\n" + canonical_query(query) + "\n" + headers.text + "\n" +
                          headers.names + "\n" + payload;
  std::string where = date + "/" + scope.region + "/" + scope.service + "/aws4_request";
  std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + where + "\n" + sha256_hex(canonical);
  std::string key = hmac_sha256("AWS4" + credentials.secret, date);
  for (const std::string& part : {scope.region, scope.service, std::string("aws4_request")})
    key = hmac_sha256(key, part);
  request.headers.emplace_back("Authorization",
                               "AWS4-HMAC-SHA256 Credential=" + credentials.key_id + "/" + where +
                                   ", SignedHeaders=" + headers.names +
                                   ", Signature=" + hex(hmac_sha256(key, to_sign)));
  return {};
}

}  // namespace baton
