#include "control/settings.h"

#include "base/text.h"
#include "os/files.h"
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
  std::string store = store_option.empty() ? value_of(environment, "BATON_STORE") : store_option;
  if (store.empty()) store = join_path(settings.home, "store");
  settings.store = is_bucket_url(store) ? store : absolute_path(store);
  return settings;
}

std::string agent_log_file(const std::string& home, const std::string& job) {
  return join_path(join_path(home, "run"), job + ".log");
}

}  // namespace baton
