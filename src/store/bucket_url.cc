#include <algorithm>

#include "base/encoding.h"
#include "base/text.h"
#include "net/shown_url.h"
#include "store/open_store.h"

namespace baton {
namespace {

Error bad(const std::string& url, const std::string& why) {
  return {Code::invalid, "\"" + shown_url(url) + "\" names no store: " + why,
          "write s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix; "
          "docs/buckets.md has the options"};
}

bool bucket_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

Status read_options(const std::string& url, const std::string& query,
                    const std::vector<std::string>& known, BucketUrl& out) {
  for (const std::string& item : split(query, '&')) {
    if (item.empty()) continue;
    size_t equals = std::min(item.find('='), item.size());
    std::string name = item.substr(0, equals);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      if (equals == item.size()) return bad(url, "its options are written name=value");
      std::string why = "\"" + printable(name) + "\" is not one of its options";
      auto near = did_you_mean(name, known);
      return bad(url, why + (near ? "; did you mean " + *near + "?" : ""));
    }
    std::string value = equals < item.size() ? item.substr(equals + 1) : "";
    out.options.emplace_back(name, percent_decode(value));
  }
  return {};
}

}  // namespace

bool is_bucket_url(const std::string& place) { return place.find("://") != std::string::npos; }

std::string BucketUrl::option(const std::string& name) const {
  for (const auto& [key, value] : options)
    if (key == name) return value;
  return "";
}

Result<BucketUrl> parse_bucket_url(const std::string& url, const std::vector<std::string>& known) {
  BucketUrl out;
  size_t colon = url.find("://");
  if (colon == std::string::npos) return bad(url, "it has no scheme");
  out.scheme = url.substr(0, colon);
  std::string rest = url.substr(colon + 3);
  size_t mark = std::min(rest.find('?'), rest.size());
  std::string path = rest.substr(0, mark);
  if (mark < rest.size()) BATON_TRY(read_options(url, rest.substr(mark + 1), known, out));
  if (out.scheme == "az") {  // az://account/container/prefix
    size_t end = std::min(path.find('/'), path.size());
    out.account = path.substr(0, end);
    path.erase(0, end + 1);
  }
  size_t slash = std::min(path.find('/'), path.size());
  out.bucket = path.substr(0, slash);
  if (out.bucket.empty() || !std::all_of(out.bucket.begin(), out.bucket.end(), bucket_char))
    return bad(url, "its bucket's name is not well formed");
  std::string prefix = slash < path.size() ? path.substr(slash + 1) : "";
  while (ends_with(prefix, "/")) prefix.pop_back();
  // The same rule as for keys: a prefix reads the same in every service and every tool.
  if (!prefix.empty() && !valid_key(prefix))
    return bad(url,
               "its prefix may hold letters, digits and . _ ~ = , + @ - in parts between "
               "single slashes");
  out.prefix = prefix;
  return out;
}

Result<S3Target> parse_s3_url(
    const std::string& url,
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  BATON_ASSIGN(BucketUrl parsed,
               parse_bucket_url(url, {"endpoint", "region", "path_style", "profile"}));
  BATON_ASSIGN(AwsProfile profile, load_aws_profile(environment, parsed.option("profile")));
  auto first = [](std::initializer_list<std::string> values) {
    for (const std::string& value : values)
      if (!value.empty()) return value;
    return std::string();
  };
  auto variable = [&](const char* name) { return environment(name).value_or(""); };
  S3Target target;
  target.profile = parsed.option("profile");
  S3Place& place = target.place;
  place.bucket = parsed.bucket;
  place.prefix = parsed.prefix;
  bool ignore = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true";
  place.endpoint = ignore ? parsed.option("endpoint")
                          : first({parsed.option("endpoint"), variable("AWS_ENDPOINT_URL_S3"),
                                   variable("AWS_ENDPOINT_URL"), profile.at("s3.endpoint_url"),
                                   profile.at("endpoint_url")});
  while (ends_with(place.endpoint, "/")) place.endpoint.pop_back();
  place.region = first({parsed.option("region"), variable("AWS_REGION"),
                        variable("AWS_DEFAULT_REGION"), profile.at("region")});
  if (place.region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    return bad(url, "its region is not well formed");
  if (!place.endpoint.empty()) {
    auto endpoint = parse_url(place.endpoint);
    if (!endpoint.ok()) return endpoint.error().within("the endpoint of " + shown_url(url));
    if (endpoint->target != "/") return bad(url, "its endpoint has a path");
  }
  // A bucket's name with dots fits no certificate; other services seldom have names for buckets.
  std::string style = first({parsed.option("path_style"), profile.at("s3.addressing_style")});
  bool usual = !place.endpoint.empty() || place.bucket.find('.') != std::string::npos;
  place.path_style =
      style == "true" || style == "path" || (usual && style != "false" && style != "virtual");
  return target;
}

}  // namespace baton
