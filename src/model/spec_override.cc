#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

// Only what begins like a list, a map or a quoted string is YAML; anything else is the value
// itself, so that
// --set command="echo a: b # c" means what it says.
std::optional<YamlProblem> parse_value(const std::string& text, YamlNode& node) {
  std::string_view bare = trim(text);
  if (!bare.empty() && std::string_view("[{\"'").find(bare[0]) != std::string_view::npos)
    return parse_yaml(text, node);
  node = YamlNode();
  if (text.size() > kMaxYamlBytes) return YamlProblem{{}, "too long"};
  if (!is_utf8(text) || text.find('\0') != std::string::npos)
    return YamlProblem{{}, "not text in UTF-8"};
  if (bare == "null" || bare == "~") return std::nullopt;
  node.kind = YamlNode::Kind::scalar;
  node.text = text;
  node.quoted = text.empty();
  return std::nullopt;
}

void set_place(YamlNode& node, const Place& place) {
  node.place = place;
  for (auto& key : node.keys) key.place = place;
  for (auto& item : node.items) set_place(item, place);
}

// The map's value for `key`, added if absent.
YamlNode& child(YamlNode& map, const std::string& key, const Place& place) {
  map.kind = YamlNode::Kind::map;
  if (YamlNode* found = map.find(key)) return *found;
  map.keys.push_back({key, place});
  map.items.emplace_back();
  map.items.back().place = place;
  return map.items.back();
}

// Only what belongs to a sweep goes deeper than two levels; elsewhere keys that the user chooses
// may contain dots: "data./sets/v1.2".
std::vector<std::string> keys_of(const std::string& path) {
  if (starts_with(path, "sweep.")) return split(path, '.');
  size_t dot = path.find('.');
  if (dot == std::string::npos) return {path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

std::string join(const std::vector<std::string>& keys, size_t count) {
  return fmt::format("{}",
                     fmt::join(keys.begin(), keys.begin() + static_cast<ptrdiff_t>(count), "."));
}

bool can_hold_keys(const YamlNode& node) { return node.is_map() || node.is_null(); }

// The names of what the spec's own sweep searches: one job may be run with values for them.
std::vector<std::string> searched(const YamlNode& root) {
  const YamlNode* sweep = root.find("sweep");
  const YamlNode* parameters = sweep && sweep->is_map() ? sweep->find("parameters") : nullptr;
  std::vector<std::string> names;
  if (parameters && parameters->is_map())
    for (const auto& key : parameters->keys) names.push_back(key.name);
  return names;
}

// A slip in a parameter's name would silently run the experiment with the old value.
bool is_slip(const YamlNode& root, const YamlNode& params, const std::string& name,
             const Place& place, SpecReader& in) {
  std::vector<std::string> known = searched(root);
  for (const auto& key : params.keys) known.push_back(key.name);
  if (std::find(known.begin(), known.end(), name) != known.end() || !did_you_mean(name, known))
    return false;
  in.fail(place,
          fmt::format("the spec has no parameter \"{}\"{} (if not, add it to params in the spec)",
                      printable(name), suggestion(name, known)));
  return true;
}

}  // namespace

std::string override_name(const Override& override) {
  // A URL may hold a secret. The sentence behind it repeats one that does not.
  bool url = override.value.find("://") != std::string::npos;
  const std::string value = url ? "…" : override.value;
  if (!override.option.empty()) return override.option + " " + value;
  return "--set " + override.path + "=" + value;
}

Result<Override> parse_override(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error{
        Code::invalid,
        fmt::format("--set {} has no key and value, expected KEY=VALUE such as params.lr=0.1",
                    printable(text)),
        ""};
  return Override{text.substr(0, equals), text.substr(equals + 1)};
}

void apply_override(YamlNode& root, const Override& override, int index, SpecReader& in) {
  Place place;
  place.override_index = index;
  YamlNode value;
  if (auto problem = parse_value(override.value, value))
    return in.fail(place, "the value cannot be read: " + problem->message);
  set_place(value, place);
  const std::vector<std::string> keys = keys_of(override.path);
  bool named = std::none_of(keys.begin(), keys.end(), [](const auto& key) { return key.empty(); });
  if (!named || !is_utf8(override.path))
    return in.fail(place, "the key is not a name such as params.lr");
  if (!can_hold_keys(root)) return;  // reported when the tree is checked
  YamlNode* target = &root;
  for (size_t depth = 0; depth + 1 < keys.size(); ++depth) {
    target = &child(*target, keys[depth], place);
    if (!can_hold_keys(*target))
      return in.fail(
          place,
          fmt::format(
              "{0} is {1}, so it has no {2}; set the whole of it, as in --set '{0}={{{2}: …}}'",
              printable(join(keys, depth + 1)), describe(*target), printable(keys[depth + 1])));
  }
  if (join(keys, keys.size() - 1) == "params" && is_slip(root, *target, keys.back(), place, in))
    return;
  child(*target, keys.back(), place) = std::move(value);
}

}  // namespace baton
