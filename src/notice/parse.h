// What metadata services answer, read. Pure; every answer is hostile until parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baton {

// Wall time in milliseconds since 1970 of "2017-09-18T08:22:00Z" (ISO 8601 with a fraction and an
// offset too) or "Mon, 19 Sep 2016 18:29:47 GMT" (RFC 1123; the weekday is ignored, since services
// get it wrong). None for anything else; years 1970 to 9999.
std::optional<int64_t> parse_time_ms(std::string_view text);

struct AwsAction {
  std::string action;              // "terminate", "stop" or "hibernate"
  std::optional<int64_t> time_ms;  // none where it is missing or unreadable
};
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
Result<AwsAction> parse_aws_action(std::string_view body);
// Whether the answer is a rebalance recommendation: {"noticeTime": "…"}.
bool is_aws_rebalance(std::string_view body);

// TRUE or FALSE. https://cloud.google.com/compute/docs/instances/spot
std::optional<bool> parse_gcp_preempted(std::string_view body);
enum class GcpMaintenance { none, migrate, terminate };
// https://cloud.google.com/compute/docs/metadata/getting-live-migration-notice
std::optional<GcpMaintenance> parse_gcp_maintenance(std::string_view body);

struct AzureEvent {
  std::string id;
  std::string type;      // "Preempt", "Terminate", "Reboot", "Redeploy", "Freeze", or a later one
  bool started = false;  // else scheduled
  std::optional<int64_t> not_before_ms;  // none once started
  std::vector<std::string> resources;    // names of the machines concerned
};
// Events without an id are left out: they can be neither told apart nor acknowledged.
// https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
Result<std::vector<AzureEvent>> parse_azure_events(std::string_view body);
// This machine's name in events, from the instance metadata's "compute" object.
Result<std::string> parse_azure_name(std::string_view body);

}  // namespace baton
