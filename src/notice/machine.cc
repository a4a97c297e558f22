#include <cstdlib>

#include "base/text.h"
#include "notice/notice.h"
#include "os/cloud.h"

namespace baton {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The base URL to watch a cloud at; "": not at all.
std::string endpoint(const char* name, bool detected, const std::string& usual) {
  std::string value = variable(name);
  if (value == "off") return "";
  while (ends_with(value, "/")) value.pop_back();
  return value.empty() && detected ? usual : value;
}

WatchTimes times_here(Log& log) {
  WatchTimes times;
  std::string notice = variable("BATON_GCP_NOTICE");
  if (notice.empty()) return times;
  if (auto ms = parse_duration_ms(notice))
    times.gcp_budget = *ms;
  else
    log.warn("BATON_GCP_NOTICE is \"" + printable(notice) +
             "\", which is no duration such as 120s; 30s is assumed");
  return times;
}

}  // namespace

std::vector<std::unique_ptr<NoticeSource>> make_machine_notices(HttpClient& http, Clock& clock,
                                                                Log& log,
                                                                const std::string& notice_file) {
  const MetadataEndpoints usual;
  const WatchTimes times = times_here(log);
  const std::string cloud = detect_cloud();
  std::vector<std::unique_ptr<NoticeSource>> sources;
  sources.push_back(make_file_notice(notice_file, clock, times));
  std::string aws = endpoint("BATON_AWS_METADATA", cloud == "aws", usual.aws);
  std::string gcp = endpoint("BATON_GCP_METADATA", cloud == "gcp", usual.gcp);
  std::string azure = endpoint("BATON_AZURE_METADATA", cloud == "azure", usual.azure);
  if (!aws.empty()) sources.push_back(make_aws_notice(http, clock, log, aws, times));
  if (!gcp.empty()) sources.push_back(make_gcp_notice(http, clock, log, gcp, times));
  if (!azure.empty()) sources.push_back(make_azure_notice(http, clock, log, azure, times));
  return sources;
}

}  // namespace baton
