// Settings: where baton keeps its things on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace baton {

// A variable of the environment by name, or none.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

inline constexpr const char* kDefaultStore = "the default";

struct Settings {
  std::string home;        // $BATON_HOME, else ${XDG_DATA_HOME:-~/.local/share}/baton; absolute
  std::string store;       // `store_option`, else $BATON_STORE, else the config file's, else
                           // HOME/store; absolute, or a URL
  std::string store_from;  // which of these, for people: "--store", "BATON_STORE",
                           // "/…/config.yaml", kDefaultStore
  uint64_t data_cache_bytes = 0;  // $BATON_DATA_CACHE, else the config file's, else 100 GiB
};

// Reads nothing but the environment and the config file, and makes nothing. Code::invalid where
// there is no home directory to fall back on, and for a config file with mistakes.
Result<Settings> load_settings(const Environment& environment, const std::string& store_option);

// Where the local launcher keeps what the agent of a job says.
std::string agent_log_file(const std::string& home, const std::string& job);

}  // namespace baton
