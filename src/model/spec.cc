#include "model/spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

void check_references(SpecReader& in, const YamlNode& command, const Spec& spec) {
  Params known = spec.params;
  if (spec.sweep) add_swept(spec.sweep->space, known);
  auto check = [&](const YamlNode& text) {
    if (!text.is_scalar()) return;
    auto result = substitute(text.text, known, command.is_scalar());
    if (result.ok()) return;
    const std::string& message = result.error().message;
    // A message about one reference begins with it.
    size_t end = starts_with(message, "${") ? message.find('}') + 1 : 0;
    in.fail(in.find(text.place, message.substr(0, end)), "command: " + message);
  };
  check(command);
  if (command.is_list()) std::for_each(command.items.begin(), command.items.end(), check);
}

// What no single key can tell.
void check_together(SpecReader& in, const YamlNode& root, const Spec& spec) {
  if (const YamlNode* command = root.find("command"))
    check_references(in, *command, spec);
  else
    in.fail({}, "the spec has no command, expected one such as \"command: python3 train.py\"");
  if (spec.sweep) check_swept(in, *root.find("sweep"), spec);
  std::vector<std::string> secrets = spec.secrets;
  std::sort(secrets.begin(), secrets.end());
  for (const auto& [name, value] : spec.env)
    if (std::binary_search(secrets.begin(), secrets.end(), name))
      in.fail(root.find("secrets")->place,
              fmt::format("secrets and env both set {}; remove it from one", printable(name)));
}

}  // namespace

Spec read_spec(const YamlNode& root, SpecReader& in) {
  Spec spec;
  in.read_map(root, "",
              {{"name", in.part(read_name, spec.name)},
               {"image", in.part(read_image, spec.image)},
               {"code", in.part(read_code, spec.code)},
               {"data", in.part(read_data, spec.data)},
               {"command", in.part(read_command, spec)},
               {"params", in.part(read_params, spec.params)},
               {"env", in.part(read_env, spec.env)},
               {"secrets", in.part(read_secrets, spec.secrets)},
               {"results", in.part(read_results, spec.results)},
               {"checkpoint", in.part(read_checkpoint, spec)},
               {"preemption", in.part(read_preemption, spec)},
               {"resources", in.part(read_resources, spec)},
               {"network", in.boolean(spec.network)},
               {"retries", in.integer(0, 1'000'000, spec.retries)},
               {"timeout", in.part(read_timeout, spec.timeout_ms)},
               {"sweep", in.part(read_sweep, spec.sweep)}});
  if (root.is_map() || root.is_null()) check_together(in, root, spec);
  return spec;
}

std::string place_in_spec(const std::string& text, const std::string& file,
                          const std::vector<std::string>& path) {
  YamlNode root;
  if (parse_yaml(text, root)) return printable(file);
  const YamlNode* node = &root;
  Place place;
  for (const auto& name : path) {
    const YamlNode* next = node->is_map() ? node->find(name) : nullptr;
    if (!next) return printable(file);
    for (const auto& key : node->keys)
      if (key.name == name) place = key.place;
    node = next;
  }
  return fmt::format("{}:{}:{}", printable(file), place.line, place.column);
}

Result<Spec> parse_spec(const std::string& text, const std::string& file,
                        const std::vector<Override>& overrides) {
  std::vector<std::string> names;
  names.reserve(overrides.size());
  for (const auto& override : overrides) names.push_back(override_name(override));
  SpecReader in(printable(file), names, text);
  YamlNode root;
  if (auto problem = parse_yaml(text, root)) {
    in.fail(problem->place, problem->message);
    return in.error(Code::invalid);
  }
  for (size_t i = 0; i < overrides.size(); ++i)
    apply_override(root, overrides[i], static_cast<int>(i), in);
  Spec spec = read_spec(root, in);
  if (!in.ok()) return in.error(Code::invalid);
  return spec;
}

}  // namespace baton
