// What an error reply of Google Cloud Storage means.
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
#pragma once

#include <string>

#include "base/result.h"
#include "net/http.h"

namespace baton {

struct GcsFailure {
  Error error;
  bool new_credentials = false;  // these have expired: worth another try with others
};

// For any reply that is not 2xx. `doing` begins the message ("gs://b/p: writing x").
GcsFailure classify_gcs(const HttpResponse& reply, const std::string& doing);

}  // namespace baton
