// A spec's JSON has the shape of its YAML, so both are checked by the same code.
#include <fmt/format.h>

#include "model/spec_tree.h"

namespace baton {
namespace {

std::string milliseconds(int64_t ms) {
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

template <class Pairs>
Json object_of(const Pairs& pairs) {
  Json object = Json::object();
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

Json image_json(const ImageSpec& image) {
  if (image.form == ImageSpec::Form::host) return "host";
  return {{"debian", image.suite}, {"packages", image.packages}};
}

Json source_json(const DataMount& mount) {
  if (!mount.mounted && mount.sha256.empty()) return mount.source;
  Json source = {{"source", mount.source}};
  if (mount.mounted) source["mode"] = "mount";
  if (!mount.sha256.empty()) source["sha256"] = mount.sha256;
  return source;
}

YamlNode tree_of(const Json& json, int depth) {
  YamlNode node;
  if (depth > kMaxYamlDepth || json.is_null() || json.is_discarded()) return node;
  if (json.is_object()) {
    node.kind = YamlNode::Kind::map;
    for (const auto& [key, value] : json.items()) {
      node.keys.push_back({key, {}});
      node.items.push_back(tree_of(value, depth + 1));
    }
  } else if (json.is_array()) {
    node.kind = YamlNode::Kind::list;
    for (const auto& value : json) node.items.push_back(tree_of(value, depth + 1));
  } else {
    node.kind = YamlNode::Kind::scalar;
    node.quoted = json.is_string();
    node.text = node.quoted ? json.get<std::string>() : dump_json(json);
  }
  return node;
}

// {"value": 0.1, "text": "0.10"} → the scalar 0.10.
void restore_numbers(YamlNode& params) {
  for (auto& item : params.items) {
    const YamlNode* text = item.is_map() ? item.find("text") : nullptr;
    if (!text || !text->is_scalar() || !item.find("value")) continue;
    YamlNode number = *text;
    number.quoted = false;
    item = std::move(number);
  }
}

bool has_nul(const YamlNode& node) {
  if (node.text.find('\0') != std::string::npos) return true;
  for (const auto& key : node.keys)
    if (key.name.find('\0') != std::string::npos) return true;
  for (const auto& item : node.items)
    if (has_nul(item)) return true;
  return false;
}

}  // namespace

Json spec_to_json(const Spec& spec) {
  Json data = Json::object();
  for (const auto& mount : spec.data) data[mount.destination] = source_json(mount);
  Json json = Json::object();
  json["name"] = spec.name;
  json["image"] = image_json(spec.image);
  json["code"] = spec.code ? Json(*spec.code) : Json();
  json["data"] = std::move(data);
  json["command"] = spec.command_list.empty() ? Json(spec.command) : Json(spec.command_list);
  json["params"] = object_of(spec.params);
  json["env"] = object_of(spec.env);
  json["secrets"] = spec.secrets;
  json["results"] = spec.results;
  json["checkpoint"] = {{"every", milliseconds(spec.checkpoint_every_ms)},
                        {"keep", spec.checkpoint_keep}};
  json["preemption"] = {
      {"grace", milliseconds(spec.grace_ms)},
      {"signal", spec.signal},
      {"max", spec.max_preemptions ? Json(*spec.max_preemptions) : Json("unlimited")}};
  json["resources"] = {{"cpus", spec.cpus},
                       {"memory", spec.memory},
                       {"gpus", spec.gpus},
                       {"devices", spec.devices},
                       {"shm", spec.shm}};
  json["network"] = spec.network;
  json["retries"] = spec.retries;
  json["timeout"] = spec.timeout_ms ? Json(milliseconds(*spec.timeout_ms)) : Json();
  if (spec.sweep) json["sweep"] = sweep_to_json(*spec.sweep);
  return json;
}

Result<Spec> spec_from_json(const Json& json) {
  YamlNode root = tree_of(json, 0);
  if (YamlNode* params = root.find("params")) restore_numbers(*params);
  SpecReader in("the job's spec", {});
  if (has_nul(root)) in.fail({}, "a NUL character, expected text");
  Spec spec = read_spec(root, in);
  if (!in.ok()) return in.error(Code::corrupt);
  return spec;
}

}  // namespace baton
