// From what a user names ("s3://bucket/prefix?region=eu-central-1", "/srv/baton") to a store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "os/clock.h"
#include "store/s3_bucket.h"
#include "store/store.h"

namespace baton {

struct OpenStoreOptions {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  Clock& clock;           // outlives the store
  std::string cache_dir;  // where probes of buckets are remembered; "": nowhere
};

// True for anything with a scheme: what is no directory.
bool is_bucket_url(const std::string& place);

// Code::invalid for a URL that is not well formed, has options that its scheme does not know, or
// carries a password; Code::unsupported for an unknown scheme. Nothing is asked of the service yet.
Result<std::unique_ptr<ObjectStore>> open_store(const std::string& place,
                                                const OpenStoreOptions& options);

// The bucket alone, for what is no store: data to fetch, results to deliver.
Result<std::unique_ptr<Bucket>> open_bucket(const std::string& url,
                                            const OpenStoreOptions& options);

// A bucket's URL taken apart: "scheme://bucket/prefix?name=value&…", and "az://account/…" with the
// container as its bucket. Values are percent-decoded.
struct BucketUrl {
  std::string scheme, account, bucket, prefix;
  std::vector<std::pair<std::string, std::string>> options;
  // The option's value, or "".
  std::string option(const std::string& name) const;
};
// `known`: the options that may be there.
Result<BucketUrl> parse_bucket_url(const std::string& url, const std::vector<std::string>& known);

// The place that an s3:// URL means, with the gaps filled from the environment and the profile
// ("profile=" in the URL, else AWS_PROFILE): AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION,
// AWS_DEFAULT_REGION.
struct S3Target {
  S3Place place;
  std::string profile;  // of the URL; "": none named
};
Result<S3Target> parse_s3_url(
    const std::string& url,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

}  // namespace baton
