#include <algorithm>

#include "base/text.h"
#include "net/azure_connection.h"
#include "net/shown_url.h"
#include "store/azure_bucket.h"
#include "store/open_store.h"

namespace baton {
namespace {

constexpr char kForm[] =
    "write az://account/container/prefix; docs/buckets.md has the options, and where credentials "
    "come from";

// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
bool good_account(const std::string& name) {
  return name.size() >= 3 && name.size() <= 24 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
         });
}

bool good_container(const std::string& name) {
  auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return name.size() >= 3 && name.size() <= 63 && std::all_of(name.begin(), name.end(), good) &&
         name.front() != '-' && name.back() != '-' && name.find("--") == std::string::npos;
}

Status check_endpoint(const std::string& endpoint, const std::string& shown) {
  auto parsed = parse_url(endpoint);
  if (!parsed.ok()) return parsed.error().within("the endpoint of " + shown);
  if (parsed->target.find('?') == std::string::npos) return {};
  return Error{Code::invalid, "the endpoint of " + shown + " has a query behind it", kForm};
}

}  // namespace

Result<AzurePlace> parse_azure_url(
    const std::string& url,
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  const std::string shown = shown_url(url);
  if (url.find("sig=") != std::string::npos)
    return Error{Code::invalid, shown + " is given with a shared access signature, which is secret",
                 "take it out of the URL, and set AZURE_STORAGE_SAS_TOKEN to it"};
  BATON_ASSIGN(BucketUrl parsed, parse_bucket_url(url, {"endpoint"}));
  AzurePlace place{parsed.account, parsed.bucket, parsed.prefix, parsed.option("endpoint")};
  if (!good_account(place.account))
    return Error{Code::invalid, shown + ": that is no name of a storage account", kForm};
  if (!good_container(place.container))
    return Error{Code::invalid, shown + ": that is no name of a container", kForm};
  auto variable = [&](const char* name) { return environment(name).value_or(""); };
  AzureConnection named = parse_azure_connection(variable("AZURE_STORAGE_CONNECTION_STRING"));
  if (place.endpoint.empty() && named.account == place.account) place.endpoint = named.endpoint;
  std::string meant = variable("AZURE_STORAGE_ACCOUNT");
  if (place.endpoint.empty() && (meant.empty() || meant == place.account))
    place.endpoint = variable("AZURE_STORAGE_SERVICE_ENDPOINT");
  if (place.endpoint.empty())
    place.endpoint = "https://" + place.account + ".blob.core.windows.net";
  while (ends_with(place.endpoint, "/")) place.endpoint.pop_back();
  BATON_TRY(check_endpoint(place.endpoint, shown));
  return place;
}

}  // namespace baton
