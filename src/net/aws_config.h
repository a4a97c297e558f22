// The AWS tools' own configuration: ~/.aws/config and ~/.aws/credentials.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/environment.h"

namespace baton {

// Settings by name; nested ones ("s3 =" with indented lines below) as "s3.addressing_style".
using AwsSection = std::map<std::string, std::string>;

// Sections by their heading, "profile x" and "x" alike as they stand. Lines that mean nothing are
// passed over, as AWS's tools do.
std::map<std::string, AwsSection> parse_aws_ini(std::string_view text);

struct AwsProfile {
  std::string name;
  bool found = false;   // in either file
  bool named = false;   // by the user, not "default" for want of a name
  AwsSection settings;  // what the credentials file says wins
  std::string config_path, credentials_path;

  // The setting, or "".
  std::string at(const std::string& key) const;
};

// The profile `name`; "": $AWS_PROFILE, else "default". Its services section is folded in
// ("s3.endpoint_url"). Files that are absent are empty; unreadable ones are Code::denied.
Result<AwsProfile> load_aws_profile(const EnvironmentReader& environment, const std::string& name);

}  // namespace baton
