// Bytes as text: hexadecimal, base64, percent-encoding; and HMAC, which signatures are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baton {

// Lower-case hexadecimal.
std::string hex(std::string_view bytes);
// RFC 4648, with padding.
std::string base64(std::string_view bytes);
// None for anything that is not padded base64.
std::optional<std::string> base64_decode(std::string_view text);

// Percent-encodes all but RFC 3986's unreserved characters, and '/' where `keep_slash`.
std::string percent_encode(std::string_view text, bool keep_slash = false);
// Turns %XX back into bytes; a '%' that begins no escape stays.
std::string percent_decode(std::string_view text);

// HMAC-SHA256 (RFC 2104): 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace baton
