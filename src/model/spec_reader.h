// Reads a YAML tree into typed values, collecting every error with its place.
//
// Each read_* function changes its target only when the value is good, and reports otherwise; the
// caller goes on with the next key, so that one pass finds all errors.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/spec_yaml.h"

namespace baton {

class SpecReader {
 public:
  // Reads one key's value; `path` is the key's full name ("resources.memory").
  using Handler = std::function<void(const YamlNode& node, const std::string& path)>;
  using Fields = std::vector<std::pair<std::string, Handler>>;

  // `file` names the text in errors; `overrides` are the names of the overrides that
  // Place::override_index counts.
  SpecReader(std::string file, std::vector<std::string> overrides);

  void fail(const Place& place, const std::string& message);
  // "resources.memory is "4X", expected …".
  void expected(const YamlNode& node, const std::string& path, const std::string& what);

  // Calls the field's handler for each key, in the order written; unknown keys are reported. Null:
  // an empty map.
  void read_map(const YamlNode& node, const std::string& path, const Fields& fields);
  // Calls `each` with every key of a map whose keys the user chooses. Null: an empty map.
  using Entry = std::function<void(const YamlKey& key, const YamlNode& value)>;
  void read_entries(const YamlNode& node, const std::string& path, const std::string& what,
                    const Entry& each);
  // A list of texts; null: an empty one. Empty texts are reported.
  void read_list(const YamlNode& node, const std::string& path, const std::string& what,
                 std::vector<std::string>& target);
  // Text that is not empty.
  void read_text(const YamlNode& node, const std::string& path, const std::string& what,
                 std::string& target);
  void read_bool(const YamlNode& node, const std::string& path, bool& target);
  void read_int(const YamlNode& node, const std::string& path, int least, int most, int& target);
  void read_size(const YamlNode& node, const std::string& path, uint64_t least, uint64_t& target);
  void read_duration(const YamlNode& node, const std::string& path, int64_t least_ms,
                     int64_t most_ms, int64_t& target);
  // Reports that this version cannot do it.
  Handler unsupported();

  // "baton.yaml:3:5", "--set a=b" or, for the whole text, "baton.yaml".
  std::string where(const Place& place) const;
  bool ok() const { return errors_.empty(); }
  size_t errors() const { return errors_.size(); }
  // All errors, one a line, at most 10 and then how many more. Precondition: !ok().
  Error error(Code code) const;

 private:
  std::string file_;
  std::vector<std::string> overrides_;
  std::vector<std::string> errors_;
};

// What a value is, for messages: "\"4X\"", "a list", "empty".
std::string describe(const YamlNode& node);
// "; did you mean \"lr\"?" or "".
std::string suggestion(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace baton
