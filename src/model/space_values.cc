// Values of a space: which there are, whether they fit, how they are worded.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/space.h"
#include "model/space_axis.h"
#include "model/space_text.h"

namespace baton {
namespace {

using Kind = Dimension::Kind;

constexpr double kStepSlack = 1e-6;    // of a step
constexpr double kBoundSlack = 1e-12;  // of the bound

double step_of(const Dimension& dimension) {
  return dimension.kind == Kind::integer && dimension.step == 0 ? 1 : dimension.step;
}

// 0.1 + 2 · 0.1 without the rounding that a person would wonder about.
double tidy(double number) { return std::strtod(fmt::format("{:.12g}", number).c_str(), nullptr); }

bool contains_number(const Dimension& dimension, double number) {
  if (!std::isfinite(number)) return false;
  double step = step_of(dimension);
  if (dimension.kind == Kind::integer)  // all exact up to 2^53
    return std::floor(number) == number && number >= dimension.min && number <= dimension.max &&
           std::fmod(number - dimension.min, step) == 0;
  if (number < dimension.min - std::abs(dimension.min) * kBoundSlack ||
      number > dimension.max + std::abs(dimension.max) * kBoundSlack)
    return false;
  if (step == 0) return true;
  double k = (number - dimension.min) / step;
  return std::abs(k - std::round(k)) <= kStepSlack;
}

// Whether a value of the dimension is one of those that a condition lists.
bool is_listed(const Dimension& dimension, const Json& value, const std::vector<Json>& listed) {
  if (!contains(dimension, value)) return false;
  const uint64_t level = level_of(dimension, value);
  return std::any_of(listed.begin(), listed.end(), [&](const Json& one) {
    return dimension.kind == Kind::category ? one == dimension.choices[level]
                                            : level_of(dimension, one) == level;
  });
}

}  // namespace

std::string number_text(double number) { return fmt::format("{}", number); }

std::string value_text(const Json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  std::string text = dump_json(value);
  return shortened(text);
}

std::string domain_text(const Dimension& dimension) {
  if (dimension.kind == Kind::category) {
    std::vector<std::string> shown;
    for (size_t i = 0; i < std::min<size_t>(dimension.choices.size(), 8); ++i)
      shown.push_back(value_text(dimension.choices[i]));
    if (dimension.choices.size() > 8) shown.push_back("…");
    return fmt::format("one of {}", fmt::join(shown, ", "));
  }
  return fmt::format("a {} from {} to {}{}",
                     dimension.kind == Kind::integer ? "whole number" : "number",
                     number_text(dimension.min), number_text(dimension.max),
                     dimension.step > 0 ? " in steps of " + number_text(dimension.step) : "");
}

std::string near_text(const std::string& word, const std::vector<std::string>& candidates) {
  auto near = did_you_mean(word, candidates);
  return near ? fmt::format("; did you mean \"{}\"?", shortened(*near)) : "";
}

AxisRange axis_range(const Dimension& dimension) {
  double low = dimension.min, high = dimension.max;
  if (double half = step_of(dimension) / 2; half > 0) {
    high = low + static_cast<double>(count_values(dimension) - 1) * 2 * half + half;
    // A logarithmic scale must not reach zero; there the first level's cell is made symmetrical.
    low = dimension.log && low <= half ? low * (low / (low + half)) : low - half;
  }
  return {low, high};
}

uint64_t count_values(const Dimension& dimension) {
  if (dimension.kind == Kind::category) return dimension.choices.size();
  double step = step_of(dimension);
  if (step == 0) return 0;
  return static_cast<uint64_t>(std::floor((dimension.max - dimension.min) / step + kStepSlack)) + 1;
}

Json value_at(const Dimension& dimension, uint64_t k) {
  if (dimension.kind == Kind::category) return dimension.choices[k];
  double number = dimension.min + static_cast<double>(k) * step_of(dimension);
  if (dimension.kind == Kind::integer) return static_cast<int64_t>(number);
  const double slack = kStepSlack * dimension.step;
  double shown = std::abs(number) < slack ? 0 : tidy(number);
  if (std::abs(shown - number) <= slack) number = shown;
  return std::clamp(number, dimension.min, dimension.max);
}

uint64_t level_of(const Dimension& dimension, const Json& value) {
  if (dimension.kind == Kind::category)
    return static_cast<uint64_t>(
        std::find(dimension.choices.begin(), dimension.choices.end(), value) -
        dimension.choices.begin());
  double k = std::round((value.get<double>() - dimension.min) / step_of(dimension));
  return static_cast<uint64_t>(
      std::clamp(k, 0.0, static_cast<double>(count_values(dimension) - 1)));
}

Json standard_value(const Dimension& dimension, const Json& value) {
  if (count_values(dimension) > 0) return value_at(dimension, level_of(dimension, value));
  return std::clamp(value.get<double>(), dimension.min, dimension.max);
}

bool contains(const Dimension& dimension, const Json& value) {
  if (dimension.kind == Kind::category)
    return std::find(dimension.choices.begin(), dimension.choices.end(), value) !=
           dimension.choices.end();
  return value.is_number() && contains_number(dimension, value.get<double>());
}

const Json* find_param(const Params& params, const std::string& name) {
  for (const auto& [known, value] : params)
    if (known == name) return &value;
  return nullptr;
}

bool is_used(const Space& space, size_t index, const Params& params) {
  const auto& when = space.dimensions[index].when;
  return std::all_of(when.begin(), when.end(), [&](const auto& condition) {
    const Json* value = find_param(params, condition.first);
    const auto parent =
        std::find_if(space.dimensions.begin(), space.dimensions.end(),
                     [&](const Dimension& one) { return one.name == condition.first; });
    return value && is_listed(*parent, *value, condition.second);
  });
}

Status check_params(const Space& space, const Params& params) {
  std::vector<std::string> names;
  for (const auto& dimension : space.dimensions) names.push_back(dimension.name);
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string& name = params[i].first;
    if (std::find(names.begin(), names.end(), name) == names.end())
      return Error{Code::invalid,
                   "there is no parameter " + shortened(name) + near_text(name, names), ""};
    if (find_param(params, name) != &params[i].second)
      return Error{Code::invalid, "parameter " + shortened(name) + " is given twice", ""};
  }
  for (size_t i = 0; i < space.dimensions.size(); ++i) {
    const Dimension& dimension = space.dimensions[i];
    const Json* value = find_param(params, dimension.name);
    bool used = is_used(space, i, params);
    if (!value && used)
      return Error{Code::invalid,
                   fmt::format("parameter {} is missing, expected {}", dimension.name,
                               domain_text(dimension)),
                   ""};
    if (value && !used)
      return Error{
          Code::invalid,
          fmt::format("parameter {} is given, but is not used with these values", dimension.name),
          ""};
    if (value && !contains(dimension, *value))
      return Error{Code::invalid,
                   fmt::format("parameter {} is {}, expected {}", dimension.name,
                               value_text(*value), domain_text(dimension)),
                   ""};
  }
  return {};
}

}  // namespace baton
