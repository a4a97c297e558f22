#include "base/text.h"
#include "net/shown_url.h"
#include "store/gcs_bucket.h"
#include "store/open_store.h"

namespace baton {
namespace {

Error bad(const std::string& url, const std::string& why) {
  return {Code::invalid, "\"" + shown_url(url) + "\" names no store: " + why,
          "docs/buckets.md has the options"};
}

}  // namespace

Result<GcsTarget> parse_gs_url(const std::string& url, const EnvironmentReader& environment) {
  BATON_ASSIGN(BucketUrl parsed, parse_bucket_url(url, {"endpoint", "anonymous", "user_project"}));
  GcsTarget target;
  target.place.bucket = parsed.bucket;
  target.place.prefix = parsed.prefix;
  target.place.user_project = parsed.option("user_project");
  const std::string anonymous = parsed.option("anonymous");
  if (!anonymous.empty() && anonymous != "true" && anonymous != "false")
    return bad(url, "anonymous is true or false");
  target.anonymous = anonymous == "true";
  std::string endpoint = parsed.option("endpoint");
  if (endpoint.empty()) {
    endpoint = environment("STORAGE_EMULATOR_HOST").value_or("");
    if (!endpoint.empty()) target.anonymous = true;
    if (!endpoint.empty() && !is_bucket_url(endpoint)) endpoint = "http://" + endpoint;
  }
  while (ends_with(endpoint, "/")) endpoint.pop_back();
  if (endpoint.empty()) return target;
  auto at = parse_url(endpoint);
  if (!at.ok()) return at.error().within("the endpoint of " + shown_url(url));
  if (at->target != "/") return bad(url, "its endpoint has a path");
  if (!target.anonymous && !is_private(*at))
    return bad(url, "its endpoint is not reached by https, and would be sent your access token");
  target.place.endpoint = endpoint;
  return target;
}

}  // namespace baton
