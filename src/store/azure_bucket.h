// Bucket for Azure Blob Storage: a container, or what lies below a prefix in it.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/azure_credentials.h"
#include "net/http.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

struct AzurePlace {
  std::string account;
  std::string container;
  std::string prefix;    // "" or "a/b", without slashes at its ends
  std::string endpoint;  // "https://account.blob.core.windows.net"; an emulator's has a path
};

// The place that an az:// URL means. The endpoint is that of `endpoint=`, else of a connection
// string for this account, else AZURE_STORAGE_SERVICE_ENDPOINT, else Azure's own. Code::invalid for
// what is not well formed or holds a secret.
Result<AzurePlace> parse_azure_url(
    const std::string& url,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

// `clock` must outlive it; its wall time may be wrong by any amount.
std::unique_ptr<Bucket> make_azure_bucket(const AzurePlace& place, std::shared_ptr<HttpClient> http,
                                          std::shared_ptr<AzureCredentialSource> credentials,
                                          Clock& clock);

}  // namespace baton
