// Google's credential files, turned into access tokens.
// https://google.aip.dev/auth
#pragma once

#include <string>

#include "net/gcp_sources.h"

namespace baton {

// Types: authorized_user (AIP-4113), service_account (AIP-4112), external_account with a file or a
// URL as its source (AIP-4117), external_account_authorized_user, impersonated_service_account
// (AIP-4118). Others are Code::unsupported, by name. No error contains anything of the file but its
// type and the account's name.
Result<BearerToken> token_from_file(const GcpLookup& look, const std::string& path);

}  // namespace baton
