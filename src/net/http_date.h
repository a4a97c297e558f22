// The times in HTTP headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/http.h"

namespace baton {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7; the one form that servers send) in milliseconds
// since 1970.
std::optional<int64_t> parse_http_date(const std::string& text);

// The same the other way, to the second.
std::string http_date(int64_t wall_ms);

// What Retry-After asks for, in milliseconds from the reply's Date (else from `wall_ms`); 0 when it
// asks for nothing.
int64_t retry_after_ms(const HttpResponse& response, int64_t wall_ms);

}  // namespace baton
