// What makes a space a good one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/space.h"
#include "model/space_axis.h"
#include "model/space_text.h"
#include "model/spec.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

using Kind = Dimension::Kind;

constexpr double kMaxWhole = 9007199254740992.0;  // 2^53: up to here a double is exact
constexpr double kMaxRealSteps = 1e9;  // from 0 to a bound: rounding stays far below a step
constexpr size_t kMaxChoices = 10'000;
constexpr size_t kMaxConditions = 100;

bool is_scalar(const Json& value) {
  return value.is_string() || value.is_boolean() ||
         (value.is_number() && std::isfinite(value.get<double>()));
}

class Checker {
 public:
  explicit Checker(const Space& space) : space_(space) {}

  std::vector<SpaceProblem> check() {
    if (space_.dimensions.empty()) return {{{}, "there are no parameters to search over"}};
    for (size_t i = 0; i < space_.dimensions.size(); ++i)
      if (!by_name_.emplace(space_.dimensions[i].name, i).second)
        fail(space_.dimensions[i], {}, "stands there twice");
    for (const auto& dimension : space_.dimensions) {
      check_name(dimension);
      if (dimension.kind == Kind::category)
        check_choices(dimension);
      else
        check_range(dimension);
    }
    // Conditions are checked against good dimensions only.
    if (!problems_.empty()) return problems_;
    for (const auto& dimension : space_.dimensions) check_conditions(dimension);
    if (problems_.empty()) check_circles();
    return problems_;
  }

 private:
  // `path` is what follows the parameter's name; `message` follows both.
  void fail(const Dimension& dimension, const std::vector<std::string>& path,
            const std::string& message) {
    SpaceProblem problem{{dimension.name}, shortened(dimension.name)};
    for (const auto& part : path) {
      problem.path.push_back(part);
      problem.message += "." + shortened(part);
    }
    problem.message += " " + message;
    problems_.push_back(std::move(problem));
  }

  void check_name(const Dimension& dimension) {
    if (!is_param_name(dimension.name))
      problems_.push_back(
          {{dimension.name},
           fmt::format("\"{}\" cannot be a parameter's name; use letters, digits and _ - .",
                       shortened(dimension.name))});
  }

  void check_choices(const Dimension& dimension) {
    const auto& choices = dimension.choices;
    if (choices.empty())
      return fail(dimension, {"choices"}, "is empty, expected at least one choice");
    if (choices.size() > kMaxChoices)
      return fail(dimension, {"choices"}, fmt::format("has more than {} choices", kMaxChoices));
    std::set<double> numbers;
    std::map<std::string, size_t> texts;
    for (size_t i = 0; i < choices.size(); ++i) {
      std::vector<std::string> path = {"choices", std::to_string(i)};
      if (!is_scalar(choices[i]))
        fail(dimension, path,
             fmt::format("is {}, expected text, a number, true or false", value_text(choices[i])));
      // Numbers that are equal are the same choice however they are written.
      else if (choices[i].is_number() && !numbers.insert(choices[i].get<double>()).second)
        fail(dimension, path,
             fmt::format("repeats {}; name each choice once", value_text(choices[i])));
      else if (auto [same, fresh] = texts.emplace(param_text(choices[i]), i); !fresh)
        fail(dimension, path,
             fmt::format("repeats {}{}; name each choice once", value_text(choices[same->second]),
                         choices[i] == choices[same->second]
                             ? ""
                             : ", as a program is given the same text for both"));
    }
  }

  void check_range(const Dimension& dimension) {
    double min = dimension.min, max = dimension.max;
    if (!std::isfinite(min) || !std::isfinite(max) || !std::isfinite(max - min))
      return fail(dimension, {"max"}, "and min are too far apart");
    if (min >= max)
      return fail(dimension, {"max"},
                  fmt::format("is {}, expected more than min, which is {}", number_text(max),
                              number_text(min)));
    if (dimension.log && min <= 0)
      return fail(
          dimension, {"min"},
          fmt::format("is {}, but a logarithmic scale needs more than 0", number_text(min)));
    if (dimension.kind == Kind::integer) {
      check_whole(dimension, "min", min);
      check_whole(dimension, "max", max);
      check_whole(dimension, "step", dimension.step);
      if (problems_.empty() && max - min > kMaxWhole)
        return fail(dimension, {"max"},
                    "and min are too far apart, type int goes over 2^53 values at most");
    }
    check_step(dimension);
    if (dimension.log && problems_.empty()) check_log(dimension);
  }

  // Over a wide range it does not matter which of very many neighbouring values is meant.
  static bool can_tell_levels_apart(const Dimension& dimension) {
    const double step =
        dimension.kind == Kind::integer ? std::max(dimension.step, 1.0) : dimension.step;
    return step == 0 || step >= 1e-13 * dimension.max || dimension.max > 2 * dimension.min;
  }

  // Every value must have a coordinate of its own that is a number.
  void check_log(const Dimension& dimension) {
    const auto [low, high] = axis_range(dimension);
    const double width = std::log(high) - std::log(low);
    if (!(low > 0))
      fail(
          dimension, {"min"},
          fmt::format("is {}, too small for a logarithmic scale in steps of {}; take a larger min, "
                      "or leave step out",
                      number_text(dimension.min), number_text(dimension.step)));
    else if (!(std::isfinite(width) && width > 0) || !can_tell_levels_apart(dimension))
      fail(dimension, {"max"},
           fmt::format("is {}, too near to min for a logarithmic scale; leave scale out",
                       number_text(dimension.max)));
  }

  void check_whole(const Dimension& dimension, const char* member, double value) {
    if (std::floor(value) != value)
      fail(dimension, {member},
           fmt::format("is {}, but type int needs a whole number", number_text(value)));
    else if (std::abs(value) > kMaxWhole)
      fail(dimension, {member},
           fmt::format("is {}, but type int goes up to 2^53 only", number_text(value)));
  }

  void check_step(const Dimension& dimension) {
    double step = dimension.step, range = dimension.max - dimension.min;
    if (!std::isfinite(step) || step < 0)
      fail(dimension, {"step"},
           fmt::format("is {}, expected a positive number", number_text(step)));
    else if (step > range)
      fail(dimension, {"step"},
           fmt::format("is {}, more than the range from min to max, which is {}", number_text(step),
                       number_text(range)));
    else if (step > 0 && dimension.kind == Kind::real &&
             std::max(std::abs(dimension.min), std::abs(dimension.max)) / step > kMaxRealSteps)
      fail(dimension, {"step"}, fmt::format("is {}, too small for this range", number_text(step)));
  }

  void check_conditions(const Dimension& dimension) {
    if (dimension.when.size() > kMaxConditions)
      return fail(dimension, {"when"}, fmt::format("has more than {} conditions", kMaxConditions));
    std::set<std::string> seen;
    for (const auto& [name, values] : dimension.when) {
      auto found = by_name_.find(name);
      if (!seen.insert(name).second)
        fail(dimension, {"when", name}, "stands there twice");
      else if (found == by_name_.end())
        fail(dimension, {"when", name}, "names no parameter" + near_text(name, names()));
      else
        check_condition(dimension, space_.dimensions[found->second], values);
    }
  }

  void check_condition(const Dimension& dimension, const Dimension& other,
                       const std::vector<Json>& values) {
    if (values.empty())
      return fail(dimension, {"when", other.name},
                  "is empty, expected a value or a list of values");
    if (count_values(other) == 0)
      return fail(dimension, {"when", other.name},
                  "is a real number without step, which no condition can be sure to meet");
    for (const auto& value : values) {
      if (contains(other, value)) continue;
      std::vector<std::string> texts;
      for (const auto& choice : other.choices)
        if (choice.is_string()) texts.push_back(choice.get<std::string>());
      fail(dimension, {"when", other.name},
           fmt::format("is {}, but {} is {}{}", value_text(value), shortened(other.name),
                       domain_text(other),
                       value.is_string() ? near_text(value.get<std::string>(), texts) : ""));
    }
  }

  void check_circles() {
    auto order = condition_order(space_);
    if (order.size() == space_.dimensions.size()) return;
    std::vector<bool> placed(space_.dimensions.size());
    for (size_t i : order) placed[i] = true;
    size_t at =
        static_cast<size_t>(std::find(placed.begin(), placed.end(), false) - placed.begin());
    // Every dimension that is left waits for another one that is left: following them meets one
    // twice.
    std::vector<size_t> way;
    while (std::find(way.begin(), way.end(), at) == way.end()) {
      way.push_back(at);
      for (const auto& [name, values] : space_.dimensions[at].when)
        if (size_t next = by_name_[name]; !placed[next]) {
          at = next;
          break;
        }
    }
    way.erase(way.begin(), std::find(way.begin(), way.end(), at));
    std::string shown;
    for (size_t i : way) shown += shortened(space_.dimensions[i].name) + " → ";
    fail(space_.dimensions[at], {"when"},
         "leads back to itself: " + shown + shortened(space_.dimensions[at].name));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, index] : by_name_) all.push_back(name);
    return all;
  }

  const Space& space_;
  std::map<std::string, size_t> by_name_;
  std::vector<SpaceProblem> problems_;
};

}  // namespace

std::vector<SpaceProblem> space_problems(const Space& space) { return Checker(space).check(); }

Status check_space(const Space& space) {
  auto problems = space_problems(space);
  if (problems.empty()) return {};
  return Error{Code::invalid, problems.front().message, ""};
}

std::vector<size_t> condition_order(const Space& space) {
  size_t count = space.dimensions.size();
  std::map<std::string, size_t> by_name;
  for (size_t i = 0; i < count; ++i) by_name.emplace(space.dimensions[i].name, i);
  std::vector<size_t> waiting(count), order;
  std::vector<std::vector<size_t>> dependents(count);
  for (size_t i = 0; i < count; ++i)
    for (const auto& [name, values] : space.dimensions[i].when) {
      dependents[by_name.at(name)].push_back(i);
      ++waiting[i];
    }
  for (size_t i = 0; i < count; ++i)
    if (waiting[i] == 0) order.push_back(i);
  for (size_t done = 0; done < order.size(); ++done)
    for (size_t next : dependents[order[done]])
      if (--waiting[next] == 0) order.push_back(next);
  return order;
}

}  // namespace baton
