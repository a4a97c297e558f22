// What an error reply of Azure Blob Storage means.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
#pragma once

#include <string>

#include "base/result.h"
#include "net/http.h"

namespace baton {

struct AzureFailure {
  Error error;
  // The signature, the token or the time was not accepted: the caller may correct its clock by the
  // reply's Date, or else fetch new credentials, and try again at once.
  bool not_authenticated = false;
};

// For any reply that is not 2xx. `doing` begins the message ("az://a/c/p: writing x").
AzureFailure classify_azure(const HttpResponse& reply, const std::string& doing);

}  // namespace baton
