// Reads a YAML tree into typed values, collecting every error with its place.
//
// A reader changes its target only when the value is good, and reports otherwise; the caller goes
// on with the next key, so that one pass finds all errors.
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
  // Reads one entry of a map or list; `path` is the entry's name ("image.packages[2]").
  using Entry = std::function<void(const YamlKey& key, const YamlNode& value)>;
  using Item = std::function<void(const YamlNode& item, const std::string& path)>;

  // `file` names the text in errors; `overrides` are the names of the overrides that
  // Place::override_index counts; `source` is the text itself, and outlives the reader.
  // `whole`: what the text is.
  SpecReader(std::string file, std::vector<std::string> overrides, std::string_view source = {},
             std::string whole = "spec");

  void fail(const Place& place, const std::string& message);
  // Where a parameter's reference "${lr}" stands in the value that begins at `value`; `value`
  // itself where the text does not show it (written with escapes, folded, or given with --set).
  Place find(const Place& value, const std::string& reference) const;
  // "resources.memory is "4X", expected …".
  void expected(const YamlNode& node, const std::string& path, const std::string& what);

  // Calls the field's handler for each key, in the order written; unknown keys are reported.
  void read_map(const YamlNode& node, const std::string& path, const Fields& fields);
  // Calls `each` for every key of a map whose keys the user chooses (at most 1000).
  void read_entries(const YamlNode& node, const std::string& path, const std::string& what,
                    const Entry& each);
  // Calls `each` for every item of a list of texts; items that are no text, or empty, are reported.
  // In all three, null counts as an empty map or list.
  void read_items(const YamlNode& node, const std::string& path, const std::string& what,
                  const Item& each);

  // Handlers that put one value into `target`, which must outlive them.
  Handler text(const std::string& what, std::string& target);  // not empty
  Handler boolean(bool& target);
  Handler integer(int least, int most, int& target);
  Handler size(uint64_t least, uint64_t& target);  // bytes; 0 is always good
  Handler duration(int64_t least_ms, int64_t most_ms, int64_t& target);
  // Calls read(*this, node, path, target).
  template <class Read, class Target>
  Handler part(Read read, Target& target) {
    return [this, read, &target](const YamlNode& node, const std::string& path) {
      read(*this, node, path, target);
    };
  }
  // Reports that this version cannot do it.
  Handler unsupported();

  bool ok() const { return errors_.empty(); }
  size_t errors() const { return errors_.size(); }
  // All errors, one a line, at most 10 and then how many more. Precondition: !ok().
  Error error(Code code) const;

 private:
  // "baton.yaml:3:5", "--set a=b" or, for the whole text, "baton.yaml".
  std::string where(const Place& place) const;

  std::string file_;
  std::string_view source_;
  std::vector<std::string> overrides_;
  std::string whole_;
  std::vector<std::string> errors_;
};

// What a value is, for messages: "\"4X\"", "a list", "empty".
std::string describe(const YamlNode& node);
// "; did you mean \"lr\"?" or "".
std::string suggestion(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace baton
