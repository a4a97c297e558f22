#include "cli/log_lines.h"

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace baton {
namespace {

// How many bytes at the end begin a character of UTF-8 that is longer than they are.
size_t begun(std::string_view text) {
  for (size_t count = 1; count <= std::min<size_t>(3, text.size()); ++count) {
    const auto byte = static_cast<unsigned char>(text[text.size() - count]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte <= 0xf4 && length > count ? count : 0;
  }
  return 0;
}

std::string line_of(int attempt, const std::string& output) {
  return output.empty() ? "" : dump_json({{"attempt", attempt}, {"output", output}}) + "\n";
}

}  // namespace

std::string LogLines::add(int attempt, std::string_view bytes) {
  std::string lines = attempt == attempt_ ? "" : rest();
  attempt_ = attempt;
  std::string output = std::exchange(kept_, "").append(bytes);
  const size_t whole = output.size() - begun(output);
  kept_ = output.substr(whole);
  output.resize(whole);
  return lines + line_of(attempt, output);
}

std::string LogLines::rest() { return line_of(attempt_, std::exchange(kept_, "")); }

}  // namespace baton
