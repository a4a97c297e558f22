#include "engine/cdi_parse.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "base/text.h"

namespace baton {
namespace {

constexpr std::array kHookNames{"prestart",       "createRuntime", "createContainer",
                                "startContainer", "poststart",     "poststop"};

// Thrown within this file only; parse_cdi() catches.
struct Refused {
  Code code;
  std::string why;
};

[[noreturn]] void refuse(const std::string& why) { throw Refused{Code::invalid, why}; }

std::string text_of(const YAML::Node& node, const std::string& key) {
  if (!node || !node.IsScalar()) refuse(fmt::format("{} is not a text", key));
  std::string text = node.Scalar();
  if (text.find('\0') != std::string::npos) refuse(fmt::format("{} holds a zero byte", key));
  return text;
}

std::string optional_text(const YAML::Node& map, const char* key) {
  return map[key] && !map[key].IsNull() ? text_of(map[key], key) : "";
}

int64_t number_of(const YAML::Node& node, const std::string& key) {
  std::string text = text_of(node, key);
  char* end = nullptr;
  int64_t value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end || value < 0) refuse(fmt::format("{} is not a number", key));
  return value;
}

// The entries of a list; absent is empty.
std::vector<YAML::Node> list(const YAML::Node& map, const char* key) {
  std::vector<YAML::Node> entries;
  const YAML::Node node = map[key];
  if (!node || node.IsNull()) return entries;
  if (!node.IsSequence()) refuse(fmt::format("{} is not a list", key));
  for (const auto& entry : node) entries.push_back(entry);
  return entries;
}

std::vector<std::string> texts(const YAML::Node& map, const char* key) {
  std::vector<std::string> found;
  for (const auto& entry : list(map, key)) found.push_back(text_of(entry, key));
  return found;
}

void need_map(const YAML::Node& node, const char* what) {
  if (!node.IsMap()) refuse(fmt::format("{} is not a mapping", what));
}

std::string absolute(const YAML::Node& map, const char* key) {
  std::string path = text_of(map[key], key);
  if (path.empty() || path[0] != '/')
    refuse(fmt::format("{} \"{}\" is not an absolute path", key, printable(path)));
  return path;
}

CdiDevice device_node(const YAML::Node& node) {
  need_map(node, "deviceNodes entry");
  CdiDevice device;
  device.path = absolute(node, "path");
  std::string host = optional_text(node, "hostPath");
  device.host_path = host.empty() ? device.path : host;
  std::string permissions = optional_text(node, "permissions");
  device.writable = permissions.empty() || permissions.find('w') != std::string::npos;
  return device;
}

CdiMount mount(const YAML::Node& node) {
  need_map(node, "mounts entry");
  CdiMount mount;
  mount.host_path = text_of(node["hostPath"], "hostPath");
  mount.container_path = absolute(node, "containerPath");
  mount.type = optional_text(node, "type");
  mount.options = texts(node, "options");
  return mount;
}

CdiHook hook(const YAML::Node& node) {
  need_map(node, "hooks entry");
  CdiHook hook;
  hook.name = text_of(node["hookName"], "hookName");
  if (std::find(kHookNames.begin(), kHookNames.end(), hook.name) == kHookNames.end())
    refuse(fmt::format("hookName \"{}\" is not known", printable(hook.name)));
  hook.path = absolute(node, "path");
  hook.args = texts(node, "args");
  hook.env = texts(node, "env");
  if (node["timeout"])
    hook.timeout = static_cast<int>(std::min<int64_t>(number_of(node["timeout"], "timeout"), 3600));
  return hook;
}

CdiEdits edits(const YAML::Node& node) {
  CdiEdits edits;
  if (!node || node.IsNull()) return edits;
  need_map(node, "containerEdits");
  for (const char* key : {"intelRdt", "netDevices"})
    if (node[key] && !node[key].IsNull())
      throw Refused{Code::unsupported, fmt::format("{} is not supported", key)};
  for (const auto& pair : texts(node, "env")) {
    size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      refuse(fmt::format("env \"{}\" is not NAME=VALUE", printable(pair)));
    edits.env.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  for (const auto& entry : list(node, "deviceNodes")) edits.devices.push_back(device_node(entry));
  for (const auto& entry : list(node, "mounts")) edits.mounts.push_back(mount(entry));
  for (const auto& entry : list(node, "hooks")) edits.hooks.push_back(hook(entry));
  for (const auto& entry : list(node, "additionalGids"))
    edits.additional_gids.push_back(static_cast<uint32_t>(number_of(entry, "additionalGids")));
  return edits;
}

// Letters and digits, and `extra` inside the word.
bool is_word(const std::string& word, const char* extra) {
  auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  auto inner = [&](unsigned char c) {
    return plain(c) || std::string_view(extra).find(static_cast<char>(c)) != std::string_view::npos;
  };
  return !word.empty() && plain(static_cast<unsigned char>(word.front())) &&
         plain(static_cast<unsigned char>(word.back())) &&
         std::all_of(word.begin(), word.end(), inner);
}

void check_version(const std::string& version) {
  auto parts = split(version, '.');
  bool known = parts.size() == 3 &&
               ((parts[0] == "0" && std::atoi(parts[1].c_str()) >= 3) || parts[0] == "1");
  if (!known)
    throw Refused{Code::unsupported,
                  fmt::format("cdiVersion \"{}\" is not known", printable(version))};
}

CdiSpec spec(const YAML::Node& root) {
  need_map(root, "the file");
  check_version(text_of(root["cdiVersion"], "cdiVersion"));
  CdiSpec spec;
  spec.kind = text_of(root["kind"], "kind");
  auto parts = split(spec.kind, '/');
  if (parts.size() != 2 || !is_word(parts[0], "_-.") || !is_word(parts[1], "_-"))
    refuse(fmt::format("kind \"{}\" is not VENDOR/CLASS", printable(spec.kind)));
  spec.edits = edits(root["containerEdits"]);
  for (const auto& entry : list(root, "devices")) {
    need_map(entry, "devices entry");
    CdiSpec::Device device{text_of(entry["name"], "name"), edits(entry["containerEdits"])};
    if (!is_word(device.name, "_-.:"))
      refuse(fmt::format("device name \"{}\" is not valid", printable(device.name)));
    spec.devices.push_back(std::move(device));
  }
  if (spec.devices.empty()) refuse("it has no devices");
  return spec;
}

}  // namespace

Result<CdiSpec> parse_cdi(const std::string& text, const std::string& file) {
  auto error = [&](Code code, const std::string& why) {
    return Error{code, fmt::format("CDI specification {}: {}", file, why),
                 "make it anew, for example with: nvidia-ctk cdi generate"};
  };
  try {
    return spec(YAML::Load(text));
  } catch (const Refused& refused) {
    return error(refused.code, refused.why);
  } catch (const YAML::Exception& exception) {
    return error(Code::invalid, exception.what());
  }
}

}  // namespace baton
