#include "net/http_date.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace baton {

std::optional<int64_t> parse_http_date(const std::string& text) {
  char month[4] = {};
  std::tm parts{};
  int year = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &parts.tm_mday,
                  month, &year, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6 ||
      used == 0)
    return std::nullopt;
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const char* at = std::strstr(kMonths, month);
  if (!at || std::strlen(month) != 3 || (at - kMonths) % 3 != 0 || year < 1970) return std::nullopt;
  parts.tm_mon = static_cast<int>(at - kMonths) / 3;
  parts.tm_year = year - 1900;
  return static_cast<int64_t>(timegm(&parts)) * 1000;
}

std::string http_date(int64_t wall_ms) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t seconds = wall_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  return text;
}

int64_t retry_after_ms(const HttpResponse& response, int64_t wall_ms) {
  std::string text = response.header("Retry-After");
  if (text.empty()) return 0;
  if (text.find_first_not_of("0123456789") == std::string::npos)
    return text.size() > 9 ? 0 : std::stoll(text) * 1000;
  auto until = parse_http_date(text);
  if (!until) return 0;
  return std::max<int64_t>(0, *until - parse_http_date(response.header("Date")).value_or(wall_ms));
}

}  // namespace baton
