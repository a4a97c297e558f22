// Checking sweeps, as part of check_store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/check_job.h"

namespace baton {

// Who needs a code object, by its key.
struct CodeUser {
  std::string job, tree;
  bool final = false;
};
using CodeUsers = std::map<std::string, std::vector<CodeUser>>;

// Reads every sweep's record and history; adds what is wrong to `findings`, and what code they
// refer to, to `users`.
Status check_sweeps(ObjectStore& store, const CheckOptions& options, std::vector<Finding>& findings,
                    CodeUsers& users);

}  // namespace baton
