#include "store/open_store.h"

#include "base/text.h"
#include "net/aws_credentials.h"
#include "net/gcp_credentials.h"
#include "store/azure_bucket.h"
#include "store/bucket_store.h"
#include "store/gcs_bucket.h"

namespace baton {
namespace {

Result<std::unique_ptr<Bucket>> open_s3(const std::string& url, const OpenStoreOptions& options) {
  BATON_ASSIGN(S3Target target, parse_s3_url(url, options.environment));
  std::shared_ptr<HttpClient> http = make_http_client();
  std::shared_ptr<AwsCredentialSource> credentials =
      make_aws_credentials({target.profile, options.environment}, http, options.clock);
  return make_s3_bucket(target.place, std::move(http), std::move(credentials), options.clock);
}

Result<std::unique_ptr<Bucket>> open_gs(const std::string& url, const OpenStoreOptions& options) {
  BATON_ASSIGN(GcsTarget target, parse_gs_url(url, options.environment));
  std::shared_ptr<HttpClient> http = make_http_client();
  std::shared_ptr<TokenSource> credentials;
  if (!target.anonymous)
    credentials = make_gcp_credentials(options.environment, http, options.clock);
  return make_gcs_bucket(target.place, std::move(http), std::move(credentials), options.clock);
}

Result<std::unique_ptr<Bucket>> open_azure(const std::string& url,
                                           const OpenStoreOptions& options) {
  BATON_ASSIGN(AzurePlace place, parse_azure_url(url, options.environment));
  std::shared_ptr<HttpClient> http = make_http_client();
  std::shared_ptr<AzureCredentialSource> credentials =
      make_azure_credentials({place.account, options.environment}, http, options.clock);
  return make_azure_bucket(place, std::move(http), std::move(credentials), options.clock);
}

}  // namespace

Result<std::unique_ptr<Bucket>> open_bucket(const std::string& url,
                                            const OpenStoreOptions& options) {
  std::string scheme = url.substr(0, url.find("://"));
  if (scheme == "s3") return open_s3(url, options);
  if (scheme == "gs") return open_gs(url, options);
  if (scheme == "az") return open_azure(url, options);
  return Error{Code::unsupported,
               "\"" + printable(scheme) + "://\" is no kind of store that baton knows",
               "name a directory, s3://bucket/prefix, gs://bucket/prefix or "
               "az://account/container/prefix"};
}

Result<std::unique_ptr<ObjectStore>> open_store(const std::string& place,
                                                const OpenStoreOptions& options) {
  if (!is_bucket_url(place)) return open_dir_store(place, {});
  BATON_ASSIGN(std::unique_ptr<Bucket> bucket, open_bucket(place, options));
  BucketStoreOptions store;
  store.cache_dir = options.cache_dir;
  return make_bucket_store(std::move(bucket), options.clock, store);
}

}  // namespace baton
