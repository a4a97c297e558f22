// A space from JSON and back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/space.h"
#include "model/space_text.h"

namespace baton {
namespace {

constexpr size_t kMaxDimensions = 1000;
const std::vector<std::string> kMembers = {"min",  "max",     "type", "scale",
                                           "step", "choices", "when"};

// Reads one parameter's description.
class DimensionReader {
 public:
  DimensionReader(std::string name, std::vector<SpaceProblem>& problems) : problems_(problems) {
    dimension_.name = std::move(name);
  }

  Dimension read(const Json& json) {
    if (json.is_array()) {
      read_choices(json);
    } else if (json.is_object()) {
      read_members(json);
    } else {
      fail("", fmt::format("is {}, expected {{min: …, max: …}} or a list of choices",
                           value_text(json)));
    }
    return std::move(dimension_);
  }

 private:
  // `message` follows the name of the parameter and the member.
  void fail(const std::string& member, const std::string& message) {
    std::string shown = shortened(dimension_.name);
    if (member.empty())
      problems_.push_back({{dimension_.name}, shown + " " + message});
    else
      problems_.push_back({{dimension_.name, member}, shown + "." + member + " " + message});
  }

  void read_members(const Json& json) {
    for (const auto& [key, value] : json.items())
      if (std::find(kMembers.begin(), kMembers.end(), key) == kMembers.end()) unknown(key);
    bool list = json.contains("choices"), range = json.contains("min") || json.contains("max");
    if (list && range)
      return fail("choices", "stands beside min or max; a parameter has one or the other");
    if (json.contains("when")) read_when(json["when"]);
    if (list) {
      for (const char* key : {"type", "scale", "step"})
        if (json.contains(key)) fail(key, "does not go with choices");
      return read_choices(json["choices"]);
    }
    for (const char* key : {"min", "max"})
      if (!json.contains(key))
        return fail(
            "", fmt::format("has no {}, expected {{min: …, max: …}} or a list of choices", key));
    read_range(json);
  }

  void unknown(const std::string& key) {
    std::string hint = near_text(key, kMembers);
    if (hint.empty()) hint = fmt::format("; a parameter takes {}", fmt::join(kMembers, ", "));
    std::string shown = shortened(dimension_.name);
    problems_.push_back(
        {{dimension_.name, key},
         fmt::format("{} has an unknown member \"{}\"{}", shown, shortened(key), hint)});
  }

  void read_range(const Json& json) {
    read_number(json, "min", dimension_.min);
    read_number(json, "max", dimension_.max);
    if (json.contains("step")) {
      read_number(json, "step", dimension_.step);
      if (dimension_.step == 0) fail("step", "is 0, expected a positive number");
    }
    if (read_word(json, "type", {"real", "int"}) == "int")
      dimension_.kind = Dimension::Kind::integer;
    dimension_.log = read_word(json, "scale", {"linear", "log"}) == "log";
  }

  void read_number(const Json& json, const char* key, double& target) {
    const Json& value = json[key];
    if (value.is_number() && std::isfinite(value.get<double>()))
      target = value.get<double>();
    else
      fail(key, fmt::format("is {}, expected a number", value_text(value)));
  }

  // One of `words`, the first where it is absent.
  std::string read_word(const Json& json, const char* key, const std::vector<std::string>& words) {
    auto found = json.find(key);
    if (found == json.end()) return words[0];
    std::string word = found->is_string() ? found->get<std::string>() : "";
    if (std::find(words.begin(), words.end(), word) == words.end())
      fail(key, fmt::format("is {}, expected {}{}", value_text(*found), fmt::join(words, " or "),
                            near_text(word, words)));
    return word;
  }

  void read_choices(const Json& json) {
    dimension_.kind = Dimension::Kind::category;
    if (!json.is_array())
      return fail("choices", fmt::format("is {}, expected a list", value_text(json)));
    dimension_.choices.assign(json.begin(), json.end());
  }

  void read_when(const Json& json) {
    if (!json.is_object())
      return fail("when", fmt::format("is {}, expected {{PARAMETER: value}}", value_text(json)));
    for (const auto& [key, value] : json.items()) {
      std::vector<Json> values;
      if (value.is_array())
        values.assign(value.begin(), value.end());
      else
        values.push_back(value);
      dimension_.when.emplace_back(key, std::move(values));
    }
  }

  Dimension dimension_;
  std::vector<SpaceProblem>& problems_;
};

Json number_json(const Dimension& dimension, double number) {
  if (dimension.kind == Dimension::Kind::integer) return static_cast<int64_t>(number);
  return number;
}

Json dimension_json(const Dimension& dimension) {
  Json json = Json::object();
  if (dimension.kind == Dimension::Kind::category) {
    json["choices"] = dimension.choices;
  } else {
    json["min"] = number_json(dimension, dimension.min);
    json["max"] = number_json(dimension, dimension.max);
    if (dimension.kind == Dimension::Kind::integer) json["type"] = "int";
    if (dimension.log) json["scale"] = "log";
    if (dimension.step != 0) json["step"] = number_json(dimension, dimension.step);
  }
  if (dimension.when.empty()) return json;
  Json& when = json["when"] = Json::object();
  for (const auto& [name, values] : dimension.when) when[name] = values;
  return json;
}

}  // namespace

std::vector<SpaceProblem> read_space(const Json& json, Space& space) {
  space = {};
  std::vector<SpaceProblem> problems;
  if (!json.is_object())
    return {{{},
             fmt::format("the parameters are {}, expected an object with one member each",
                         value_text(json))}};
  if (json.size() > kMaxDimensions)
    return {{{}, fmt::format("there are more than {} parameters", kMaxDimensions)}};
  for (const auto& [name, value] : json.items())
    space.dimensions.push_back(DimensionReader(name, problems).read(value));
  return problems.empty() ? space_problems(space) : problems;
}

Result<Space> space_from_json(const Json& json) {
  Space space;
  auto problems = read_space(json, space);
  if (!problems.empty()) return Error{Code::invalid, problems.front().message, ""};
  return space;
}

Json space_to_json(const Space& space) {
  Json json = Json::object();
  for (const auto& dimension : space.dimensions) json[dimension.name] = dimension_json(dimension);
  return json;
}

}  // namespace baton
