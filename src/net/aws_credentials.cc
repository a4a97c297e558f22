#include "net/aws_credentials.h"

#include <vector>

#include "base/text.h"
#include "net/aws_sources.h"

namespace baton {
namespace {

constexpr char kNowhere[] =
    "looked in the environment, ~/.aws/credentials, ~/.aws/config, a web identity, the container's "
    "and the instance's role; `aws configure` makes a profile";

Result<AwsCredentials> find_credentials(const AwsSettings& settings, HttpClient& http, Clock& clock,
                                        bool& had_role) {
  BATON_ASSIGN(AwsProfile profile, load_aws_profile(settings.environment, settings.profile));
  AwsLookup look{settings.environment, profile, http, clock, !settings.profile.empty(), had_role};
  using Place = MaybeCredentials (*)(const AwsLookup&);
  std::vector<Place> places = {&environment_credentials, &web_identity_credentials,
                               &profile_credentials, &container_credentials, &instance_credentials};
  if (look.only_profile) places = {&web_identity_credentials, &profile_credentials};
  for (Place place : places) {
    BATON_ASSIGN(auto found, place(look));
    if (!found) continue;
    had_role = had_role || place == &instance_credentials;
    return *found;
  }
  if (look.only_profile)
    return Error{Code::denied,
                 "the profile \"" + printable(profile.name) + "\" has no credentials in it",
                 "`aws configure --profile NAME` puts some there"};
  return Error{Code::denied, "no AWS credentials were found", kNowhere};
}

}  // namespace

std::unique_ptr<AwsCredentialSource> make_fixed_credentials(AwsCredentials credentials) {
  return std::make_unique<FixedCredentials<AwsCredentials>>(std::move(credentials));
}

std::unique_ptr<AwsCredentialSource> make_aws_credentials(const AwsSettings& settings,
                                                          std::shared_ptr<HttpClient> http,
                                                          Clock& clock) {
  auto find = [settings, http = std::move(http), &clock, had_role = false]() mutable {
    return find_credentials(settings, *http, clock, had_role);
  };
  return std::make_unique<RenewedCredentials<AwsCredentials>>(std::move(find), clock);
}

}  // namespace baton
