// Shared Key authorization of Azure Storage, in the form for blobs from version 2015-02-21 on.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace baton {

// What is signed: the method, the standard headers, the x-ms- headers, and the path and query as
// they stand in the URL. Code::invalid for a bad URL.
Result<std::string> shared_key_text(const HttpRequest& request, const std::string& account);

// Adds Authorization. The request has x-ms-date and x-ms-version already, and no header may be
// added later but by the HTTP client itself. `key` as Azure shows it, in base64; Code::denied when
// it is none.
Status sign_shared_key(HttpRequest& request, const std::string& account, const std::string& key);

// An account SAS that lists and reads blobs until `until_s` (seconds since 1970): what goes behind
// the '?'. Code::denied as above.
// https://learn.microsoft.com/rest/api/storageservices/create-account-sas
Result<std::string> read_only_sas(const std::string& account, const std::string& key,
                                  int64_t until_s);

}  // namespace baton
