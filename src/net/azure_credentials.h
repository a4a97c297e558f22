// Credentials for Azure Storage, found as Azure's own tools find them and renewed before they
// expire. docs/buckets.md lists the places in their order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/environment.h"
#include "net/http.h"
#include "net/renewed.h"
#include "os/clock.h"

namespace baton {

struct AzureCredentials {
  enum class Kind { shared_key, sas, bearer };
  Kind kind = Kind::bearer;
  std::string secret;      // the account's key in base64; "sv=…&sig=…"; a token
  int64_t expires_ms = 0;  // wall clock; 0: never, or not known
  std::string source;      // where they were found, for people; never what they are
  bool operator==(const AzureCredentials&) const = default;
};
using AzureCredentialSource = CredentialSource<AzureCredentials>;

struct AzureSettings {
  std::string account;  // keys and SAS of other accounts are passed over
  EnvironmentReader environment;
};

// All places. Looks nowhere before the first get(). `clock` must outlive it.
std::unique_ptr<AzureCredentialSource> make_azure_credentials(const AzureSettings& settings,
                                                              std::shared_ptr<HttpClient> http,
                                                              Clock& clock);

// Puts the credentials on a request to `account`, which has its x-ms- headers already. What would
// travel in the clear, to another machine and without TLS, is refused: Code::denied.
Status authorize_azure(HttpRequest& request, const std::string& account,
                       const AzureCredentials& credentials);

}  // namespace baton
