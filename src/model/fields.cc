#include "model/fields.h"

#include <fmt/format.h>

namespace baton {

Fields::Fields(const Json& object, std::string what) : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) fail("not an object");
}

const Json* Fields::find(const char* key) const {
  if (!object_.is_object()) return nullptr;
  auto it = object_.find(key);
  return it == object_.end() ? nullptr : &*it;
}

bool Fields::has(const char* key) const { return find(key) != nullptr; }

std::string Fields::text(const char* key, size_t max_bytes) {
  const Json* value = find(key);
  if (!value) return "";
  if (!value->is_string()) {
    fail(fmt::format("\"{}\" is not text", key));
    return "";
  }
  std::string text = value->get<std::string>();
  if (text.size() <= max_bytes) return text;
  fail(fmt::format("\"{}\" is longer than {} bytes", key, max_bytes));
  return "";
}

int64_t Fields::integer(const char* key, int64_t least, int64_t most) {
  const Json* value = find(key);
  if (!value) return 0;
  bool fits =
      value->is_number_integer() &&
      (!value->is_number_unsigned() ||
       value->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (fits && value->get<int64_t>() >= least && value->get<int64_t>() <= most)
    return value->get<int64_t>();
  fail(fmt::format("\"{}\" is not an integer from {} to {}", key, least, most));
  return 0;
}

uint64_t Fields::unsigned_integer(const char* key, uint64_t most) {
  const Json* value = find(key);
  if (!value) return 0;
  // Integers built by hand are signed, parsed ones unsigned where they can be.
  bool fits =
      value->is_number_unsigned() || (value->is_number_integer() && value->get<int64_t>() >= 0);
  if (fits && value->get<uint64_t>() <= most) return value->get<uint64_t>();
  fail(fmt::format("\"{}\" is not an integer from 0 to {}", key, most));
  return 0;
}

void Fields::fail(const std::string& message) {
  if (!error_) error_ = Error{Code::corrupt, what_ + ": " + message, ""};
}

Status Fields::status() const { return error_ ? Status(*error_) : Status(); }

}  // namespace baton
