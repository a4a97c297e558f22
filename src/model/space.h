// Space: the parameters that a sweep searches over, with their kinds, ranges and conditions.
//
// A value type with its checks; shared by the spec (which fills it from YAML), by the optimiser and
// by the JSON-lines protocol. Thread-safe as any value type.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace baton {

// One parameter to search over.
struct Dimension {
  enum class Kind {
    real,      // a number in [min, max]
    integer,   // a whole number in [min, max]
    category,  // one of `choices`, without order
  };
  std::string name;
  Kind kind = Kind::real;
  double min = 0, max = 0;    // real, integer: both inclusive and finite, min < max
  bool log = false;           // searched on a logarithmic scale; min > 0
  double step = 0;            // real, integer: only min + k·step; 0 for every value (integer: 1)
  std::vector<Json> choices;  // category: at least one, all different; strings, numbers or booleans
  // Used only when each named parameter has one of the listed values (and is itself used). Empty:
  // always used.
  std::vector<std::pair<std::string, std::vector<Json>>> when;
  bool operator==(const Dimension&) const = default;
};

struct Space {
  std::vector<Dimension> dimensions;  // in the order in which the user wrote them
  bool operator==(const Space&) const = default;
};

// Values by name. An unused (conditional) parameter is absent. Numbers of integer dimensions are
// JSON integers, those of real ones JSON floating-point numbers, categories the choice as written.
using Params = std::vector<std::pair<std::string, Json>>;

// One mistake in a space. `path` leads to it as far as it can be told: the parameter, the member of
// its description, and then what of that: {"momentum", "when", "optimizer"}, {"opt", "choices",
// "2"}; a front-end follows it through its own tree as far as it goes. Empty: the whole space.
// `message` is one sentence without a final period; unless `path` is empty it begins with the
// parameter's name, so that "sweep.parameters." can be put before it.
struct SpaceProblem {
  std::vector<std::string> path;
  std::string message;
};

// Reads `{"lr": {"min": 1e-5, "max": 0.1, "scale": "log"}, "opt": ["sgd", "adam"], …}`; members of
// one: min, max, type (real|int), scale (linear|log), step, choices, when. A plain list is short
// for
// {"choices": […]}. Errors (Code::invalid) are those of check_space and unknown or mistyped
// members, with the parameter's name and a did-you-mean.
Result<Space> space_from_json(const Json& json);
// The same for front-ends that locate mistakes: all that were found, none when `space` is good (it
// is undefined otherwise).
std::vector<SpaceProblem> read_space(const Json& json, Space& space);
// The same form; space_from_json gives an equal space back.
Json space_to_json(const Space& space);

// Code::invalid with one sentence: empty or reversed ranges, a logarithmic scale that touches zero,
// no or repeated choices, a step that is negative or larger than the range, a condition on an
// unknown parameter or on a value that it cannot take, conditions in a circle, repeated names.
Status check_space(const Space& space);
std::vector<SpaceProblem> space_problems(const Space& space);  // all of them

// Code::invalid, naming the parameter, unless `params` has exactly the used parameters with values
// that the space contains (a real value off its step by rounding only is fine).
Status check_params(const Space& space, const Params& params);

// Whether dimension `index` is used given the other values in `params`: a condition's value is met
// by what is on the same level (level_of). Precondition: check_space() accepts the space.
bool is_used(const Space& space, size_t index, const Params& params);

// All that follows is for spaces and dimensions that check_space accepts.

// The dimensions' indexes, each after those that its conditions name.
std::vector<size_t> condition_order(const Space& space);

// The value of a name, nullptr if absent. Valid until `params` changes.
const Json* find_param(const Params& params, const std::string& name);

// How many values the dimension can take; 0: a continuum (a real one without step).
uint64_t count_values(const Dimension& dimension);
// The k-th of them, in order. Precondition: k < count_values().
Json value_at(const Dimension& dimension, uint64_t k);
// Which of them a value is, or is nearest to. Precondition: contains().
uint64_t level_of(const Dimension& dimension, const Json& value);
// The same value as the space has it: within its bounds, on its step, a category's as it was
// written, an integer as one. Precondition: contains().
Json standard_value(const Dimension& dimension, const Json& value);
// Whether the dimension can take this value.
bool contains(const Dimension& dimension, const Json& value);

}  // namespace baton
