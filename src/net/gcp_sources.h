// The single places where Google's access tokens come from. Each gives a token, none when this
// place does not apply here, or an error when it applies and fails.
#pragma once

#include <optional>
#include <string>

#include "net/environment.h"
#include "net/http.h"
#include "net/renewed.h"
#include "os/clock.h"

namespace baton {

using MaybeToken = Result<std::optional<BearerToken>>;

struct GcpLookup {
  const EnvironmentReader& environment;
  HttpClient& http;
  Clock& clock;

  // The variable, or "".
  std::string at(const char* name) const { return environment(name).value_or(""); }
};

// GOOGLE_APPLICATION_CREDENTIALS, else application_default_credentials.json in gcloud's directory
// (CLOUDSDK_CONFIG, else ~/.config/gcloud).
MaybeToken file_token(const GcpLookup& look);
// The service account of this machine, GKE pod or Cloud Run job. GCE_METADATA_HOST names another
// server; NO_GCE_CHECK=true switches it off.
MaybeToken metadata_token(const GcpLookup& look);
// `gcloud auth print-access-token`.
MaybeToken gcloud_token(const GcpLookup& look);

}  // namespace baton
