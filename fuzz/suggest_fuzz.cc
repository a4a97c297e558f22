// Whatever stands in the lines: each is answered by one line of JSON, and a bad one changes
// nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/json.h"
#include "base/text.h"
#include "tune/suggest.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr size_t kMostLines = 200;  // a fit of a Gaussian process takes its time

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  baton::Suggester suggester;
  auto lines = baton::split({reinterpret_cast<const char*>(data), size}, '\n');
  lines.resize(std::min(lines.size(), kMostLines));
  const std::string save = R"({"op":"save"})";
  std::string state = suggester.answer(save);
  for (const auto& line : lines) {
    std::string answer = suggester.answer(line);
    check(answer.find('\n') == std::string::npos);
    auto json = baton::parse_json(answer, "answer");
    check(json.ok() && json->is_object());
    std::string now = suggester.answer(save);
    if (json->contains("error")) check(now == state);
    state = now;
  }
  // What was saved goes on where it was.
  baton::Json saved = *baton::parse_json(state, "state");
  if (!saved.contains("state")) return 0;
  baton::Suggester other;
  other.answer(baton::dump_json({{"op", "load"}, {"state", saved["state"]}}));
  check(other.answer(save) == state);
  return 0;
}
