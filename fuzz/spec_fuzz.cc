// baton.yaml and --set, from anybody: never a crash or an exception; what is accepted survives its
// JSON form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "model/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baton;
  std::string text(reinterpret_cast<const char*>(data), size);
  // Lines that begin with "#set " are overrides, so that one corpus covers both.
  std::vector<Override> overrides;
  for (const auto& line : split(text, '\n'))
    if (starts_with(line, "#set "))
      if (auto override = parse_override(line.substr(5)); override.ok())
        overrides.push_back(*override);
  auto spec = parse_spec(text, "baton.yaml", overrides);
  if (!spec.ok()) {
    // Every line of an error can be printed, and says where.
    for (const auto& line : split(spec.error().message, '\n'))
      if (line.empty() || printable(line) != line) abort();
    return 0;
  }
  auto again = spec_from_json(spec_to_json(*spec));
  if (!again.ok() || !(*again == *spec)) abort();
  if (!spec->command.empty() && !substitute(spec->command, spec->params, true).ok()) abort();
  return 0;
}
