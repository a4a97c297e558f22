// Sweeps in a listing: what `sweep ls` and `ps` share.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/parts.h"
#include "ledger/sweeps.h"

namespace baton {

std::string sweeps_table(Context& context, const std::vector<SweepLine>& lines);
Json sweeps_json(const std::vector<SweepLine>& lines);

}  // namespace baton
