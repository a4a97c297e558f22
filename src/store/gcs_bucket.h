// Bucket for Google Cloud Storage, by its JSON API.
// https://cloud.google.com/storage/docs/json_api/v1
//
// A large object travels as temporary objects, one a part, which one request then composes: that
// request takes the condition ifGenerationMatch=0. The XML API's multipart uploads take none, and a
// resumable upload cannot be sent in parallel.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/environment.h"
#include "net/http.h"
#include "net/renewed.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

struct GcsPlace {
  std::string bucket;
  std::string prefix;                                       // "" or "a/b", no slashes at its ends
  std::string endpoint = "https://storage.googleapis.com";  // "https://host[:port]"
  std::string user_project;  // pays for the requests; "": the bucket's owner does
};

// `credentials`: null for nobody's (public buckets, emulators); otherwise the endpoint must be
// is_private(). `clock` must outlive it.
std::unique_ptr<Bucket> make_gcs_bucket(const GcsPlace& place, std::shared_ptr<HttpClient> http,
                                        std::shared_ptr<TokenSource> credentials, Clock& clock);

// The place that a gs:// URL means. Options: endpoint, anonymous=true, user_project. An emulator
// that STORAGE_EMULATOR_HOST names is used without credentials, as Google's libraries do.
struct GcsTarget {
  GcsPlace place;
  bool anonymous = false;
};
Result<GcsTarget> parse_gs_url(const std::string& url, const EnvironmentReader& environment);

}  // namespace baton
