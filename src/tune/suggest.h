// Suggester: the optimiser as a conversation in JSON lines, for programs in any language; what
// `baton suggest` speaks. docs/suggest.md describes it.
//
// Pure: a line in, a line out. A bad line is answered {"error": …} and changes nothing. Not
// thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tune/tune.h"

namespace baton {

// Lines longer than this are refused; a saved state of some ten thousand trials fits.
constexpr size_t kMaxSuggestLine = size_t{64} << 20;

class Suggester {
 public:
  // The answer to one line, without the newline. Never throws.
  std::string answer(std::string_view line);

 private:
  Result<Json> dispatch(const Json& request);
  Result<Json> init(const Json& request);
  Result<Json> load(const Json& request);
  Result<Json> ask();
  Result<Json> tell(const Json& request);
  Result<Json> report(const Json& request);
  Result<Json> add(const Json& request);
  Result<Json> best() const;

  std::unique_ptr<Tuner> tuner_;  // null before init or load
};

}  // namespace baton
