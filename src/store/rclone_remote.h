// What rclone has to be told so that it reads the same bucket as baton, by variables alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/environment.h"
#include "net/http.h"
#include "os/clock.h"

namespace baton {

// A remote named BATON, for rclone 1.60 and later. `path`: behind "BATON:". `variables` are for
// rclone's process only: some may be secret. One with an empty value is to be unset.
struct RcloneRemote {
  std::string path;
  std::vector<std::pair<std::string, std::string>> variables;
  // Azure with neither key nor signature: rclone has to find an identity. Before 1.61 it finds the
  // machine's only.
  bool identity = false;
};

// Code::invalid for a URL that is not well formed, Code::unsupported for a kind of place that
// cannot be mounted. Nothing is asked of any service: a key or a signature for Azure is handed on,
// all other credentials rclone finds in the environment that it shares with this process.
Result<RcloneRemote> rclone_remote(const std::string& url, const EnvironmentReader& environment);

// The same for an az:// URL and an rclone before 1.61: whatever identity baton finds, it asks Azure
// for a signature in its name, which lasts almost a week, and hands that on. The machine's own
// identity is left to rclone, which can renew it.
Result<RcloneRemote> rclone_remote_by_delegation(const std::string& url,
                                                 const EnvironmentReader& environment,
                                                 HttpClient& http, Clock& clock);

}  // namespace baton
