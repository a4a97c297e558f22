// Whatever describes a search space: reading it neither crashes nor hangs, what is accepted passes
// its own checks, is written as it was read, and every value that it names fits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "model/space.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// The first value of each used dimension.
baton::Params first_values(const baton::Space& space) {
  baton::Params params;
  for (size_t i : baton::condition_order(space)) {
    if (!baton::is_used(space, i, params)) continue;
    const auto& dimension = space.dimensions[i];
    params.emplace_back(dimension.name, baton::count_values(dimension) > 0
                                            ? baton::value_at(dimension, 0)
                                            : baton::standard_value(dimension, dimension.max));
  }
  return params;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto json = baton::parse_json({reinterpret_cast<const char*>(data), size}, "space");
  if (!json.ok()) return 0;
  baton::Space space;
  auto problems = baton::read_space(*json, space);
  for (const auto& problem : problems)
    check(!problem.message.empty() && baton::is_utf8(problem.message) &&
          problem.message.find('\n') == std::string::npos);
  if (!problems.empty()) return 0;
  check(baton::check_space(space).ok());
  baton::Json written = baton::space_to_json(space);
  auto again = baton::space_from_json(written);
  check(again.ok() && baton::space_to_json(*again) == written);
  for (const auto& dimension : space.dimensions)
    if (uint64_t count = baton::count_values(dimension))
      for (uint64_t k : {uint64_t{0}, count / 2, count - 1})
        check(baton::contains(dimension, baton::value_at(dimension, k)));
  check(baton::check_params(space, first_values(space)).ok());
  return 0;
}
