#include "net/azure_connection.h"

#include <cctype>
#include <map>

#include "base/text.h"
#include "net/http.h"

namespace baton {
namespace {

// "https://account.blob.core.windows.net", or "http://127.0.0.1:10000/account" of an emulator.
std::string account_of(const std::string& endpoint) {
  auto url = parse_url(endpoint);
  if (!url.ok()) return "";
  if (url->target.size() > 1) return split(url->target, '/').at(1);
  return url->host.substr(0, url->host.find('.'));
}

}  // namespace

AzureConnection parse_azure_connection(std::string_view text) {
  std::map<std::string, std::string> parts;
  for (const std::string& item : split(text, ';')) {
    size_t equals = item.find('=');
    if (equals == std::string::npos) continue;
    std::string name(trim(item.substr(0, equals)));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    parts[name] = trim(item.substr(equals + 1));
  }
  AzureConnection found{parts["accountname"], parts["accountkey"], parts["sharedaccesssignature"],
                        parts["blobendpoint"]};
  if (starts_with(found.sas, "?")) found.sas.erase(0, 1);
  while (ends_with(found.endpoint, "/")) found.endpoint.pop_back();
  if (found.account.empty() && !found.endpoint.empty()) found.account = account_of(found.endpoint);
  if (found.endpoint.empty() && !parts["endpointsuffix"].empty() && !found.account.empty()) {
    std::string scheme = parts["defaultendpointsprotocol"] == "http" ? "http" : "https";
    found.endpoint = scheme + "://" + found.account + ".blob." + parts["endpointsuffix"];
  }
  return found;
}

}  // namespace baton
