// Every answer of a metadata service, and every date in one. The first byte picks the parser.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "notice/parse.h"

using namespace baton;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// A time that was read reads back the same from its own printed form.
void check_time(std::optional<int64_t> time) {
  if (!time) return;
  check(*time >= 0);
  auto again = parse_time_ms(iso_time_ms(*time));
  check(!again || *again == *time);  // none only beyond the year 9999, by an offset
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (auto action = parse_aws_action(body); action.ok()) {
        check(!action->action.empty());
        check_time(action->time_ms);
      }
      break;
    case 1:
      is_aws_rebalance(body);
      break;
    case 2:
      check(!(parse_gcp_preempted(body) && parse_gcp_maintenance(body)));
      break;
    case 3:
      if (auto events = parse_azure_events(body); events.ok())
        for (const AzureEvent& event : *events) {
          check(!event.id.empty());
          check_time(event.not_before_ms);
        }
      break;
    case 4:
      if (auto name = parse_azure_name(body); name.ok()) check(!name->empty());
      break;
    default:
      check_time(parse_time_ms(body));
      break;
  }
  return 0;
}
