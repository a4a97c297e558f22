// JSON, by nlohmann-json: the one include for it, and total (never throwing) readers.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baton {

// Key order is kept, so that what is written reads as it was built and hashes are stable.
using Json = nlohmann::ordered_json;

// Parses hostile text: depth-limited, duplicates resolved to the last, invalid UTF-8 refused.
// `what` names the source in the error ("event 00000003 of job x").
Result<Json> parse_json(std::string_view text, const std::string& what);

// One line, invalid UTF-8 replaced, never throws.
std::string dump_json(const Json& json);
// Indented by two, with a final newline.
std::string pretty_json(const Json& json);

// Reads object[key]; absent or of another type gives `fallback`.
std::string get_string(const Json& object, const char* key, const std::string& fallback = "");
int64_t get_int(const Json& object, const char* key, int64_t fallback = 0);
double get_double(const Json& object, const char* key, double fallback = 0);
bool get_bool(const Json& object, const char* key, bool fallback = false);

}  // namespace baton
