// Staging, the pure parts: what the program finds in its environment.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/job.h"

namespace baton {

// The environment of a job's program: a sane base, the spec's env, secrets, then baton's own (which
// win). Code::invalid names a secret that is not set.
Result<std::vector<std::pair<std::string, std::string>>> program_env(
    const Job& job, int attempt,
    const std::function<std::optional<std::string>(const std::string&)>& secret);

// params.json: {"lr": 0.1, …}.
std::string params_json(const Job& job);

}  // namespace baton
