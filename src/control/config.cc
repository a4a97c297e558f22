#include "control/config.h"

#include "base/text.h"
#include "model/spec_reader.h"
#include "model/spec_rules.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxConfig = 1 << 20;

void read_store(SpecReader& in, const YamlNode& node, const std::string& path, std::string& store) {
  const char* expected = "a URL such as s3://bucket/prefix, or an absolute directory";
  in.text(expected, store)(node, path);
  if (store.empty()) return;
  if (is_url(store) && may_hold_secret(store))
    return in.fail(node.place,
                   path + " has a secret in its URL; credentials come from the environment");
  if (starts_with(store, "~"))
    return in.fail(node.place, path + " is " + describe(node) +
                                   ", and only a shell knows what ~ stands for; write the "
                                   "directory out, as /home/me/store");
  bool bucket = is_url(store) && is_bucket_scheme(url_scheme(store));
  if (!bucket && !starts_with(store, "/")) in.expected(node, path, expected);
}

void read_data_cache(SpecReader& in, const YamlNode& node, const std::string& path,
                     std::optional<uint64_t>& bytes) {
  uint64_t size = 0;
  in.size(1 << 20, size)(node, path);
  bytes = size;
}

}  // namespace

std::string config_path(
    const std::function<std::optional<std::string>(const std::string& name)>& environment) {
  std::string config = environment("XDG_CONFIG_HOME").value_or("");
  // The XDG base directory specification says that a relative path must be ignored.
  if (starts_with(config, "/")) return join_path(config, "baton/config.yaml");
  std::string user = environment("HOME").value_or("");
  return starts_with(user, "/") ? join_path(user, ".config/baton/config.yaml") : "";
}

Result<Config> read_config(const std::string& path) {
  Config config;
  if (path.empty()) return config;
  auto text = read_file(path, kMaxConfig);
  if (text.is(Code::not_found)) return config;
  if (!text.ok()) return text.error();
  SpecReader in(printable(path), {}, *text, "config file");
  YamlNode root;
  if (auto problem = parse_yaml(*text, root)) {
    in.fail(problem->place, problem->message);
    return in.error(Code::invalid);
  }
  in.read_map(root, "",
              {{"store", in.part(read_store, config.store)},
               {"data_cache", in.part(read_data_cache, config.data_cache)}});
  if (!in.ok()) return in.error(Code::invalid);
  return config;
}

}  // namespace baton
