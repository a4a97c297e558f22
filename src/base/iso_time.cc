#include "base/iso_time.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "base/text.h"

namespace baton {

std::optional<int64_t> parse_iso_time(const std::string& text) {
  std::tm parts{};
  int used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6)
    return std::nullopt;
  std::string_view rest = std::string_view(text).substr(static_cast<size_t>(used));
  if (starts_with(rest, ".")) {
    size_t end = rest.find_first_not_of("0123456789", 1);
    rest = end == std::string_view::npos ? "" : rest.substr(end);
  }
  int64_t shift_s = 0;
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':') {
    int hours = std::atoi(std::string(rest.substr(1, 2)).c_str());
    int minutes = std::atoi(std::string(rest.substr(4, 2)).c_str());
    shift_s = (hours * 60 + minutes) * 60 * (rest[0] == '+' ? 1 : -1);
  } else if (rest != "Z") {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return (static_cast<int64_t>(timegm(&parts)) - shift_s) * 1000;
}

}  // namespace baton
