// The single places where AWS credentials come from. Each gives credentials, none when this place
// does not apply here, or an error when it applies and fails.
#pragma once

#include <optional>

#include "net/aws_config.h"
#include "net/aws_credentials.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "os/clock.h"

namespace baton {

using MaybeCredentials = Result<std::optional<AwsCredentials>>;

struct AwsLookup {
  const EnvironmentReader& environment;
  const AwsProfile& profile;
  HttpClient& http;
  Clock& clock;
  bool only_profile = false;  // the environment has no say
  bool had_role = false;      // this instance's role was found before
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
MaybeCredentials environment_credentials(const AwsLookup& look);
// AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or a profile's: STS AssumeRoleWithWebIdentity.
MaybeCredentials web_identity_credentials(const AwsLookup& look);
// The profile's keys; its credential_process; a role or SSO through
// `aws configure export-credentials`.
MaybeCredentials profile_credentials(const AwsLookup& look);
// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (ECS) or …_FULL_URI (EKS pod identity, Greengrass).
MaybeCredentials container_credentials(const AwsLookup& look);
// The role of this EC2 instance (IMDSv2). No answer is Code::transient where there must be one.
MaybeCredentials instance_credentials(const AwsLookup& look);

}  // namespace baton
