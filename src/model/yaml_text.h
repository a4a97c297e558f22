// The text of a YAML document as people see it: lines, columns in characters, and errors in plain
// words. Internal to the spec's family of files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec_yaml.h"

namespace baton {

// Too long, not UTF-8 or with NUL bytes.
std::optional<YamlProblem> check_yaml_bytes(std::string_view text);

// Refers to the text, which must outlive it. Places going in have columns in bytes, as yaml-cpp
// counts.
class YamlLines {
 public:
  explicit YamlLines(std::string_view text);

  Place in_characters(Place place) const;
  // A message of yaml-cpp in words that say what to do.
  YamlProblem explain(const Place& place, const std::string& message) const;
  // Whether a scalar in quotes begins at `place` (after anchor and tag) and has no closing quote.
  bool never_closed(const Place& place) const;

 private:
  std::string_view line(const Place& place) const;

  std::string_view text_;
  std::vector<std::string_view> lines_;
};

}  // namespace baton
