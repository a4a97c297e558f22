// Strict reading of a JSON object that came from outside: the first member that is missing, of
// another type or out of range is remembered as Code::corrupt, and reading goes on with a default.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace baton {

class Fields {
 public:
  // `object` must outlive this; `what` names it in errors.
  Fields(const Json& object, std::string what);

  bool has(const char* key) const;
  // Optional members: absent gives "", 0 or false.
  std::string text(const char* key, size_t max_bytes);
  int64_t integer(const char* key, int64_t least, int64_t most);
  uint64_t unsigned_integer(const char* key, uint64_t most = std::numeric_limits<uint64_t>::max());
  // Marks the object as corrupt: "WHAT: MESSAGE".
  void fail(const std::string& message);
  // What was wrong first.
  Status status() const;

 private:
  const Json* find(const char* key) const;

  const Json& object_;
  std::string what_;
  std::optional<Error> error_;
};

}  // namespace baton
