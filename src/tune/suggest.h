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

// Longer lines are refused: of any operation but load, and of all. Save refuses a state of more
// than kMaxSavedState, so that load takes each that it has given; as a program writes it again,
// with blanks or escapes, it may be longer.
constexpr size_t kMaxSuggestRequest = size_t{64} << 20;
constexpr size_t kMaxSavedState = size_t{128} << 20;
constexpr size_t kMaxSuggestLine = 2 * kMaxSavedState;

class Suggester {
 public:
  // `max_saved`: the longest state that save answers, in bytes of its JSON.
  explicit Suggester(size_t max_saved = kMaxSavedState) : max_saved_(max_saved) {}
  // The answer to one line, without the newline. Never throws.
  std::string answer(std::string_view line);

 private:
  Result<std::string> answer_or_error(std::string_view line);
  Result<Json> dispatch(const Json& request);
  Result<Json> init(const Json& request);
  Result<Json> load(const Json& request);
  Result<Json> ask();
  Result<Json> tell(const Json& request);
  Result<Json> report(const Json& request);
  Result<Json> add(const Json& request);
  Result<Json> best() const;

  const size_t max_saved_;
  std::unique_ptr<Tuner> tuner_;  // null before init or load
};

}  // namespace baton
