// Access tokens for Google Cloud, found as Google's own libraries find them ("application default
// credentials") and renewed before they expire.
// https://cloud.google.com/docs/authentication/application-default-credentials
#pragma once

#include <memory>

#include "net/environment.h"
#include "net/http.h"
#include "net/renewed.h"
#include "os/clock.h"

namespace baton {

// All places, in this order: the file that GOOGLE_APPLICATION_CREDENTIALS names; the one that
// `gcloud auth application-default login` writes; the metadata server; gcloud's own sign-on. Looks
// nowhere before the first get(). `clock` must outlive it.
std::unique_ptr<TokenSource> make_gcp_credentials(const EnvironmentReader& environment,
                                                  std::shared_ptr<HttpClient> http, Clock& clock);

}  // namespace baton
