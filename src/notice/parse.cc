#include "notice/parse.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/json.h"
#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kMaxEvents = 1000;

// Takes a date apart from the front; the first thing that does not fit sets `bad`.
struct Scanner {
  std::string_view text;
  bool bad = false;

  // Exactly `min` to `max` digits.
  int number(size_t min, size_t max) {
    int value = 0;
    size_t n = 0;
    for (; n < max && n < text.size() && std::isdigit(static_cast<unsigned char>(text[n])); ++n)
      value = value * 10 + (text[n] - '0');
    if (n < min) bad = true;
    text.remove_prefix(n);
    return value;
  }
  void literal(std::string_view expected) {
    if (bad || !starts_with(text, expected)) {
      bad = true;
      return;
    }
    text.remove_prefix(expected.size());
  }
  bool accept(char c) {
    if (bad || text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  }
  std::string word() {
    size_t n = 0;
    while (n < text.size() && std::isalpha(static_cast<unsigned char>(text[n]))) ++n;
    std::string out(text.substr(0, n));
    text.remove_prefix(n);
    return out;
  }
};

struct Moment {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0, offset_minutes = 0;
};

// Days from 1970-01-01 in the proleptic Gregorian calendar, by counting years from March on so that
// a leap day ends its year.
int64_t days_since_1970(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = y * 365 + y / 4 - y / 100 + y / 400 + day_of_year;
  return day_of_era - 719'468;
}

std::optional<int64_t> to_ms(const Moment& m) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (m.year % 4 == 0 && m.year % 100 != 0) || m.year % 400 == 0;
  if (m.year < 1970 || m.year > 9999 || m.month < 1 || m.month > 12 || m.day < 1 || m.hour > 23 ||
      m.minute > 59 || m.second > 60)
    return std::nullopt;
  if (m.day > kDays[static_cast<size_t>(m.month) - 1] + (m.month == 2 && leap ? 1 : 0))
    return std::nullopt;
  int64_t seconds = days_since_1970(m.year, m.month, m.day) * 86'400 + m.hour * 3600 +
                    m.minute * 60 + m.second - int64_t{60} * m.offset_minutes;
  return std::max<int64_t>(0, seconds * 1000 + m.milli);
}

void scan_clock(Scanner& s, Moment& m) {
  m.hour = s.number(2, 2);
  s.literal(":");
  m.minute = s.number(2, 2);
  s.literal(":");
  m.second = s.number(2, 2);
}

std::optional<int64_t> parse_iso(std::string_view text) {
  Scanner s{text};
  Moment m;
  m.year = s.number(4, 4);
  s.literal("-");
  m.month = s.number(2, 2);
  s.literal("-");
  m.day = s.number(2, 2);
  if (!s.accept('T') && !s.accept(' ')) return std::nullopt;
  scan_clock(s, m);
  if (s.accept('.')) {
    size_t before = s.text.size();
    m.milli = s.number(1, 3);
    for (size_t digits = before - s.text.size(); digits < 3; ++digits) m.milli *= 10;
    while (!s.text.empty() && std::isdigit(static_cast<unsigned char>(s.text[0])))
      s.text.remove_prefix(1);
  }
  int sign = s.accept('+') ? 1 : s.accept('-') ? -1 : 0;
  if (sign != 0) {
    int hours = s.number(2, 2);
    s.accept(':');
    m.offset_minutes = sign * (hours * 60 + s.number(2, 2));
  } else {
    s.accept('Z');  // without a zone: UTC, as all these services mean it
  }
  if (s.bad || !s.text.empty()) return std::nullopt;
  return to_ms(m);
}

std::optional<int64_t> parse_rfc1123(std::string_view text) {
  Scanner s{text};
  s.word();
  s.literal(", ");
  Moment m;
  m.day = s.number(1, 2);
  s.literal(" ");
  std::string month = s.word();
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (size_t i = 0; i < kMonths.size(); ++i)
    if (strcasecmp(month.c_str(), kMonths[i]) == 0) m.month = static_cast<int>(i) + 1;
  s.literal(" ");
  m.year = s.number(4, 4);
  s.literal(" ");
  scan_clock(s, m);
  s.literal(" GMT");
  if (s.bad || !s.text.empty()) return std::nullopt;
  return to_ms(m);
}

std::optional<AzureEvent> read_event(const Json& json) {
  AzureEvent event;
  event.id = get_string(json, "EventId");
  event.type = get_string(json, "EventType");
  event.started = get_string(json, "EventStatus") == "Started";
  event.not_before_ms = parse_time_ms(get_string(json, "NotBefore"));
  auto resources = json.is_object() ? json.find("Resources") : json.end();
  if (json.is_object() && resources != json.end() && resources->is_array())
    for (const Json& name : *resources)
      if (name.is_string()) event.resources.push_back(name.get<std::string>());
  if (event.id.empty()) return std::nullopt;
  return event;
}

}  // namespace

std::optional<int64_t> parse_time_ms(std::string_view text) {
  text = trim(text);
  if (text.empty() || text.size() > 64) return std::nullopt;
  return std::isdigit(static_cast<unsigned char>(text[0])) ? parse_iso(text) : parse_rfc1123(text);
}

Result<AwsAction> parse_aws_action(std::string_view body) {
  BATON_ASSIGN(Json json, parse_json(body, "the answer to spot/instance-action"));
  AwsAction out;
  out.action = get_string(json, "action");
  out.time_ms = parse_time_ms(get_string(json, "time"));
  if (out.action != "terminate" && out.action != "stop" && out.action != "hibernate")
    return Error{Code::corrupt,
                 "spot/instance-action names the unknown action \"" +
                     printable(out.action.substr(0, 100)) + "\"",
                 ""};
  return out;
}

bool is_aws_rebalance(std::string_view body) {
  auto json = parse_json(body, "the answer to recommendations/rebalance");
  return json.ok() && !get_string(*json, "noticeTime").empty();
}

std::optional<bool> parse_gcp_preempted(std::string_view body) {
  body = trim(body);
  if (body == "TRUE") return true;
  if (body == "FALSE") return false;
  return std::nullopt;
}

std::optional<GcpMaintenance> parse_gcp_maintenance(std::string_view body) {
  body = trim(body);
  if (body == "NONE") return GcpMaintenance::none;
  if (body == "MIGRATE_ON_HOST_MAINTENANCE") return GcpMaintenance::migrate;
  if (body == "TERMINATE_ON_HOST_MAINTENANCE") return GcpMaintenance::terminate;
  return std::nullopt;
}

Result<std::vector<AzureEvent>> parse_azure_events(std::string_view body) {
  BATON_ASSIGN(Json json, parse_json(body, "the list of scheduled events"));
  auto events = json.is_object() ? json.find("Events") : json.end();
  if (!json.is_object() || events == json.end() || !events->is_array() ||
      events->size() > kMaxEvents)
    return Error{Code::corrupt, "the list of scheduled events has no usable \"Events\"", ""};
  std::vector<AzureEvent> out;
  for (const Json& entry : *events)
    if (auto event = read_event(entry)) out.push_back(std::move(*event));
  return out;
}

Result<std::string> parse_azure_name(std::string_view body) {
  BATON_ASSIGN(Json json, parse_json(body, "the instance metadata"));
  std::string name = get_string(json, "name");
  if (name.empty()) return Error{Code::corrupt, "the instance metadata names no machine", ""};
  return name;
}

}  // namespace baton
