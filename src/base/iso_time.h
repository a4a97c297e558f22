// Times as services write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace baton {

// "2026-11-22T05:00:00Z", fractions and "+00:00" allowed, in milliseconds since 1970.
std::optional<int64_t> parse_iso_time(const std::string& text);

}  // namespace baton
