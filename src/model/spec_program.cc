#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

void check_variable(SpecReader& in, const Place& place, Path path, const std::string& name) {
  if (!is_env_name(name))
    return in.fail(
        place, fmt::format("{} has \"{}\", expected a variable name such as OMP_NUM_THREADS", path,
                           printable(name)));
  if (starts_with(name, "BATON_"))
    in.fail(place,
            fmt::format("{} has {}, but names beginning with BATON_ are baton's own; rename it",
                        path, name));
}

}  // namespace

void read_name(SpecReader& in, const YamlNode& node, Path path, std::string& name) {
  if (!node.is_scalar() || !is_job_name(node.text))
    return in.expected(node, path,
                       fmt::format("1 to 63 lower-case letters, digits, \".\", \"_\" and \"-\", "
                                   "such as \"{}\"",
                                   near_job_name(node.text)));
  if (node.text == "latest")
    return in.expected(node, path, "another name, as \"latest\" means the newest job");
  name = node.text;
}

void read_command(SpecReader& in, const YamlNode& node, Path path, Spec& spec) {
  if (!node.is_list() || node.items.empty())
    return in.text("a shell command or a list such as [python3, train.py]", spec.command)(node,
                                                                                          path);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = node.items[i];
    if (!item.is_scalar() || (i == 0 && item.text.empty()))
      in.expected(item, fmt::format("{}[{}]", path, i), "text");
    spec.command_list.push_back(item.text);
  }
}

void read_params(SpecReader& in, const YamlNode& node, Path path, Params& params) {
  std::map<std::string, std::string> variables;
  auto each = [&](const YamlKey& key, const YamlNode& value) {
    std::string shown = path + "." + printable(key.name);
    if (!is_param_name(key.name))
      return in.fail(key.place,
                     fmt::format("{} has \"{}\", expected a name of at most 64 letters, digits, "
                                 "\"_\", \"-\" and \".\" that begins with a letter or \"_\"",
                                 path, printable(key.name)));
    auto [other, fresh] = variables.emplace(param_variable(key.name), shown);
    if (!fresh)
      in.fail(key.place, fmt::format("{} and {} would both be ${}; rename one", other->second,
                                     shown, other->first));
    std::optional<Json> json;
    if (!value.is_scalar())
      in.expected(value, shown, "a number, text, true or false");
    else if (!(json = param_from_scalar(value.text, value.quoted)))
      in.expected(value, shown, "a number that fits 64 bits (quote it to pass it as text)");
    // It exists even if its value was refused, so that ${name} is not reported too.
    params.emplace_back(key.name, json.value_or(Json()));
  };
  in.read_entries(node, path, "a map such as {lr: 0.01}", each);
}

void read_env(SpecReader& in, const YamlNode& node, Path path, Variables& env) {
  auto each = [&](const YamlKey& key, const YamlNode& value) {
    check_variable(in, key.place, path, key.name);
    if (!value.is_scalar())
      return in.expected(value, path + "." + printable(key.name), "text (\"\" for an empty value)");
    env.emplace_back(key.name, value.text);
  };
  in.read_entries(node, path, "a map such as {OMP_NUM_THREADS: \"2\"}", each);
}

void read_secrets(SpecReader& in, const YamlNode& node, Path path,
                  std::vector<std::string>& names) {
  if (node.is_map())
    return in.expected(node, path,
                       "a list of names such as [HF_TOKEN]; the values come from the environment "
                       "of whoever submits the job");
  std::set<std::string> known;
  auto each = [&](const YamlNode& item, Path shown) {
    check_variable(in, item.place, shown, item.text);
    if (!known.insert(item.text).second)
      in.fail(item.place, fmt::format("{} repeats {}; remove one", shown, printable(item.text)));
    names.push_back(item.text);
  };
  in.read_items(node, path, "a list of names such as [HF_TOKEN]", each);
}

}  // namespace baton
