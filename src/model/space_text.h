// How a space's mistakes are worded. For the files that make up space.h.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "model/space.h"

namespace baton {

// A number as a person writes it: "16", "1e-05".
std::string number_text(double number);
// A JSON value, cut to what fits into a sentence and safe to print.
std::string value_text(const Json& value);
// "a number from 0 to 1 in steps of 0.1", "one of sgd, adam".
std::string domain_text(const Dimension& dimension);
// "; did you mean "adam"?", or "".
std::string near_text(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace baton
