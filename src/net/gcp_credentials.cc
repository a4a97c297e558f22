#include "net/gcp_credentials.h"

#include "net/gcp_sources.h"

namespace baton {
namespace {

// The metadata server gives its cached token out until about four minutes before the end.
constexpr RenewalTimes kTimes{.before_ms = 225'000};
constexpr char kNowhere[] =
    "looked at GOOGLE_APPLICATION_CREDENTIALS, gcloud's application_default_credentials.json, the "
    "metadata server and the gcloud command; `gcloud auth application-default login` makes some";

}  // namespace

std::unique_ptr<TokenSource> make_gcp_credentials(const EnvironmentReader& environment,
                                                  std::shared_ptr<HttpClient> http, Clock& clock) {
  auto find = [environment, http = std::move(http), &clock]() -> Result<BearerToken> {
    GcpLookup look{environment, *http, clock};
    for (auto place : {&file_token, &metadata_token, &gcloud_token}) {
      BATON_ASSIGN(auto found, place(look));
      if (found) return *found;
    }
    return Error{Code::denied, "no Google Cloud credentials were found", kNowhere};
  };
  return std::make_unique<RenewedCredentials<BearerToken>>(std::move(find), clock, kTimes);
}

}  // namespace baton
