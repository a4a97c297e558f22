// The user's config file: what would otherwise have to be said with each command.
//
//   store: s3://my-bucket/experiments     the default store: a URL, or an absolute directory
//   data_cache: 200G                      what the cache of data may hold on this machine
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace baton {

struct Config {
  std::string store;  // "": not set
  std::optional<uint64_t> data_cache;
};

// Where it is: $XDG_CONFIG_HOME/baton/config.yaml, else ~/.config/baton/config.yaml; "" where there
// is no home directory.
std::string config_path(
    const std::function<std::optional<std::string>(const std::string& name)>& environment);

// An absent file sets nothing. Code::invalid names file, line and column of every mistake.
Result<Config> read_config(const std::string& path);

}  // namespace baton
