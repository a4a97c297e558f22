#include "net/aws_credentials.h"

#include "net/aws_sources.h"

namespace baton {
namespace {

constexpr char kNowhere[] =
    "looked in the environment, ~/.aws/credentials, ~/.aws/config, a web identity, the container's "
    "and the instance's role; `aws configure` makes a profile";

Result<AwsCredentials> find_credentials(const AwsSettings& settings, HttpClient& http,
                                        Clock& clock) {
  BATON_ASSIGN(AwsProfile profile, load_aws_profile(settings.environment, settings.profile));
  AwsLookup look{settings.environment, profile, http, clock};
  using Place = MaybeCredentials (*)(const AwsLookup&);
  for (Place place : {&environment_credentials, &web_identity_credentials, &profile_credentials,
                      &container_credentials, &instance_credentials}) {
    if (place == &environment_credentials && !settings.profile.empty()) continue;
    BATON_ASSIGN(auto found, place(look));
    if (found) return *found;
  }
  return Error{Code::denied, "no AWS credentials were found", kNowhere};
}

}  // namespace

std::unique_ptr<AwsCredentialSource> make_fixed_credentials(AwsCredentials credentials) {
  return std::make_unique<FixedCredentials<AwsCredentials>>(std::move(credentials));
}

std::unique_ptr<AwsCredentialSource> make_aws_credentials(const AwsSettings& settings,
                                                          std::shared_ptr<HttpClient> http,
                                                          Clock& clock) {
  auto find = [settings, http = std::move(http), &clock] {
    return find_credentials(settings, *http, clock);
  };
  return std::make_unique<RenewedCredentials<AwsCredentials>>(std::move(find), clock);
}

}  // namespace baton
