// Replies of OAuth 2.0 token services (RFC 6749, 5.1 and 5.2).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "net/renewed.h"

namespace baton {

// True for what may stand behind "Authorization: Bearer " (RFC 6750, 2.1).
bool is_token_text(const std::string& text);

// The token of a reply of status 200; `source` names it. Otherwise Code::transient for 5xx, 429 and
// 408, else Code::denied with the service's "error" and its description. No error contains a token.
Result<BearerToken> read_token_reply(const HttpResponse& reply, const std::string& source,
                                     int64_t wall_ms);

// Why a reply is no success, as above; also for the errors of Google's APIs ({"error": {…}}).
Error token_refusal(const HttpResponse& reply, const std::string& source);

}  // namespace baton
