// A token's right to read a container, as a shared access signature: for programs that take no
// tokens.
#pragma once

#include <string>

#include "base/result.h"
#include "net/azure_credentials.h"
#include "net/http.h"
#include "os/clock.h"

namespace baton {

// A user delegation SAS that lists and reads the blobs of one container for almost a week, which is
// as long as Azure lets one live: what goes behind the '?'. `endpoint` of the account's blobs,
// without a '/' at its end; `token` of Kind::bearer. Asks the service for a key, which takes the
// right to generateUserDelegationKey on the account: Code::denied without it, with what to do.
// https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
// https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
Result<std::string> delegated_read_only_sas(HttpClient& http, Clock& clock,
                                            const std::string& endpoint, const std::string& account,
                                            const std::string& container,
                                            const AzureCredentials& token);

}  // namespace baton
