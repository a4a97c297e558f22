#include "net/azure_credentials.h"

#include "net/azure_shared_key.h"
#include "net/azure_sources.h"

namespace baton {
namespace {

constexpr char kNowhere[] =
    "looked in AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY and AZURE_STORAGE_SAS_TOKEN, for "
    "a service principal or workload identity in the environment, a managed identity, and `az`; "
    "`az login` signs on";

Result<AzureCredentials> find_credentials(const AzureSettings& settings, HttpClient& http,
                                          Clock& clock, bool& had_identity) {
  AzureLookup look{settings, http, clock, had_identity};
  for (auto* place : {&azure_storage_variables, &azure_principal, &azure_service_identity,
                      &azure_machine_identity, &azure_cli}) {
    BATON_ASSIGN(auto found, place(look));
    if (!found) continue;
    had_identity = had_identity || place == &azure_machine_identity;
    return *found;
  }
  return Error{Code::denied, "no Azure credentials were found for " + settings.account, kNowhere};
}

}  // namespace

std::unique_ptr<AzureCredentialSource> make_azure_credentials(const AzureSettings& settings,
                                                              std::shared_ptr<HttpClient> http,
                                                              Clock& clock) {
  auto find = [settings, http = std::move(http), &clock, had_identity = false]() mutable {
    return find_credentials(settings, *http, clock, had_identity);
  };
  return std::make_unique<RenewedCredentials<AzureCredentials>>(std::move(find), clock);
}

Status authorize_azure(HttpRequest& request, const std::string& account,
                       const AzureCredentials& credentials) {
  if (credentials.kind == AzureCredentials::Kind::shared_key)
    return sign_shared_key(request, account, credentials.secret);
  BATON_ASSIGN(Url url, parse_url(request.url));
  if (!is_private(url))
    return Error{Code::denied,
                 "the credentials of " + credentials.source + " would travel to " + url.host +
                     " in the clear",
                 "name an endpoint that begins with https://"};
  if (credentials.kind == AzureCredentials::Kind::sas) {
    request.url += (url.target.find('?') == std::string::npos ? "?" : "&") + credentials.secret;
  } else {
    request.headers.emplace_back("Authorization", "Bearer " + credentials.secret);
  }
  return {};
}

}  // namespace baton
