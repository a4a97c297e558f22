#include "control/settings.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "control/config.h"
#include "model/spec_rules.h"
#include "os/files.h"
#include "store/data_cache.h"
#include "store/open_store.h"

namespace baton {
namespace {

std::string value_of(const Environment& environment, const std::string& name) {
  return environment(name).value_or("");
}

Result<std::string> find_home(const Environment& environment) {
  std::string home = value_of(environment, "BATON_HOME");
  if (!home.empty()) return absolute_path(home);
  std::string data = value_of(environment, "XDG_DATA_HOME");
  // The XDG base directory specification says that a relative path must be ignored.
  if (starts_with(data, "/")) return absolute_path(join_path(data, "baton"));
  std::string user = value_of(environment, "HOME");
  if (!starts_with(user, "/"))
    return Error{Code::invalid, "$HOME is not set, so there is no place for baton's files",
                 "set BATON_HOME to a directory for them"};
  return absolute_path(join_path(user, ".local/share/baton"));
}

}  // namespace

Result<Settings> load_settings(const Environment& environment, const std::string& store_option) {
  Settings settings;
  BATON_ASSIGN(settings.home, find_home(environment));
  const std::string file = config_path(environment);
  BATON_ASSIGN(Config config, read_config(file));
  const std::pair<std::string, std::string> places[] = {
      {store_option, "--store"},
      {value_of(environment, "BATON_STORE"), "BATON_STORE"},
      {config.store, file},
      {join_path(settings.home, "store"), kDefaultStore}};
  const auto& first = *std::find_if(std::begin(places), std::end(places),
                                    [](const auto& place) { return !place.first.empty(); });
  const char* of = first.second == "BATON_STORE" ? ", BATON_STORE," : "";
  if (is_bucket_url(first.first) && may_hold_secret(first.first))
    return Error{Code::invalid, std::string("the store's URL") + of + " has a secret in it",
                 "leave it out: credentials come from the environment, as docs/buckets.md tells"};
  settings.store = is_bucket_url(first.first) ? first.first : absolute_path(first.first);
  settings.store_from = first.second;
  settings.data_cache_bytes = config.data_cache.value_or(kDataCacheBytes);
  std::string cache = value_of(environment, "BATON_DATA_CACHE");
  if (!cache.empty()) {
    auto size = parse_size(cache);
    if (!size)
      return Error{Code::invalid,
                   "BATON_DATA_CACHE is \"" + printable(cache) + "\", expected a size such as 200G",
                   ""};
    settings.data_cache_bytes = *size;
  }
  return settings;
}

std::string agent_log_file(const std::string& home, const std::string& job) {
  return join_path(join_path(home, "run"), job + ".log");
}

}  // namespace baton
