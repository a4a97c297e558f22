// A YAML document as a tree of values with positions: all that the spec's reader knows of YAML.
//
// Scalars keep the text they were written with; what it means (number, size, text) is decided by
// whoever reads it. Everything a hostile document could try is refused here: non-UTF-8, NUL bytes,
// more than 1 MiB, deep nesting, aliases that multiply, duplicate and merge keys, tags, several
// documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton {

// Where something stands. `line` and `column` count from 1, columns in characters; line 0: the
// whole text.
struct Place {
  int line = 0;
  int column = 0;
  int override_index = -1;  // the override (--set) it comes from, if any
};

struct YamlKey {
  std::string name;
  Place place;
};

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Place place;
  std::string text;             // scalar: as written, quotes and escapes resolved
  bool quoted = false;          // scalar: written in quotes or as a block, so never a number
  std::vector<YamlKey> keys;    // map: as long as `items`, in the order written, unique
  std::vector<YamlNode> items;  // list and map

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  // The value of a map's key, nullptr if absent. Valid until the node changes.
  const YamlNode* find(std::string_view key) const;
  YamlNode* find(std::string_view key);
};

struct YamlProblem {
  Place place;
  std::string message;
};

constexpr size_t kMaxYamlBytes = 1 << 20;
constexpr int kMaxYamlDepth = 32;
constexpr size_t kMaxYamlNodes = 100'000;  // values, aliases expanded

// Parses one document into `root`; the problem if it cannot. An empty document gives null. Never
// throws.
std::optional<YamlProblem> parse_yaml(std::string_view text, YamlNode& root);

}  // namespace baton
