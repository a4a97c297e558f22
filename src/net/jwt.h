// Signed assertions: RFC 7519 tokens with RS256, as Google's token service takes them.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace baton {

// RFC 4648, section 5, without padding.
std::string base64url(std::string_view bytes);

// `key` is an RSA key in PEM form (PKCS #8 or #1); Code::invalid when it is anything else. No error
// contains any of it.
Result<std::string> sign_jwt(const Json& header, const Json& claims, const std::string& key);

}  // namespace baton
