#include "store/rclone_remote.h"

#include "base/text.h"
#include "net/azure_delegation.h"
#include "net/azure_shared_key.h"
#include "net/azure_sources.h"
#include "os/clock.h"
#include "store/azure_bucket.h"
#include "store/gcs_bucket.h"
#include "store/open_store.h"

namespace baton {
namespace {

using Kind = AzureCredentials::Kind;

std::string path_of(const std::string& bucket, const std::string& prefix) {
  return bucket + (prefix.empty() ? "" : "/" + prefix);
}

class Remote {
 public:
  explicit Remote(const std::string& type) { set("TYPE", type); }
  void find_identity() { remote_.identity = true; }
  void set(const std::string& option, const std::string& value) {
    remote_.variables.emplace_back("RCLONE_CONFIG_BATON_" + option, value);
  }
  RcloneRemote at(const std::string& path) {
    remote_.path = path;
    return std::move(remote_);
  }

 private:
  RcloneRemote remote_;
};

// https://rclone.org/s3/
Result<RcloneRemote> s3_remote(const std::string& url, const EnvironmentReader& environment) {
  BATON_ASSIGN(S3Target target, parse_s3_url(url, environment));
  const S3Place& place = target.place;
  Remote remote("s3");
  remote.set("PROVIDER", place.endpoint.empty() ? "AWS" : "Other");
  remote.set("ENV_AUTH", "true");
  remote.set("PROFILE", target.profile);
  remote.set("ENDPOINT", place.endpoint);
  remote.set("REGION", place.region.empty() ? "us-east-1" : place.region);
  remote.set("FORCE_PATH_STYLE", place.path_style ? "true" : "false");
  return remote.at(path_of(place.bucket, place.prefix));
}

// https://rclone.org/googlecloudstorage/; before 1.61 application default credentials are taken
// where no others are given, since then where ENV_AUTH says so.
Result<RcloneRemote> gs_remote(const std::string& url, const EnvironmentReader& environment) {
  BATON_ASSIGN(GcsTarget target, parse_gs_url(url, environment));
  const GcsPlace& place = target.place;
  Remote remote("google cloud storage");
  remote.set(target.anonymous ? "ANONYMOUS" : "ENV_AUTH", "true");
  if (place.endpoint != GcsPlace().endpoint)
    remote.set("ENDPOINT", place.endpoint + "/storage/v1/");
  remote.set("USER_PROJECT", place.user_project);  // known since 1.61
  return remote.at(path_of(place.bucket, place.prefix));
}

constexpr int64_t kSignedForSeconds = 365 * 86'400;  // longer than any attempt

// https://rclone.org/azureblob/. Before 1.61 ENDPOINT is only a suffix, but SAS_URL a whole address
// in all versions; and ENV_AUTH is not known: of identities, the machine's alone works there.
Result<RcloneRemote> az_remote(const std::string& url, const EnvironmentReader& environment) {
  BATON_ASSIGN(AzurePlace place, parse_azure_url(url, environment));
  AzureSettings settings{place.account, environment};
  auto http = make_http_client();
  SystemClock clock;
  BATON_ASSIGN(auto found, azure_storage_variables({settings, *http, clock}));
  const bool usual = place.endpoint == "https://" + place.account + ".blob.core.windows.net";
  auto variable = [&](const char* name) { return environment(name).value_or(""); };
  Remote remote("azureblob");
  std::string signature = found && found->kind == Kind::sas ? found->secret : "";
  if (found && signature.empty() && !usual) {
    BATON_ASSIGN(signature, read_only_sas(place.account, found->secret,
                                          clock.wall_ms() / 1000 + kSignedForSeconds));
  }
  if (!signature.empty()) {
    remote.set("SAS_URL", place.endpoint + "?" + signature);
    return remote.at(path_of(place.container, place.prefix));
  }
  remote.set("ACCOUNT", place.account);
  if (!usual) remote.set("ENDPOINT", place.endpoint);
  if (found) {
    remote.set("KEY", found->secret);
    return remote.at(path_of(place.container, place.prefix));
  }
  remote.find_identity();
  remote.set("ENV_AUTH", "true");
  if (variable("AZURE_CLIENT_SECRET").empty() && variable("AZURE_FEDERATED_TOKEN_FILE").empty()) {
    remote.set("USE_MSI", "true");
    remote.set("MSI_CLIENT_ID", variable("AZURE_CLIENT_ID"));
  }
  return remote.at(path_of(place.container, place.prefix));
}

// Of whoever is signed on here, but for the machine itself.
MaybeAzureCredentials signed_on(const AzureLookup& look) {
  for (auto* place : {&azure_principal, &azure_service_identity}) {
    BATON_ASSIGN(auto found, place(look));
    if (found) return found;
  }
  BATON_ASSIGN(auto machine, azure_machine_identity(look));
  return machine ? std::optional<AzureCredentials>() : azure_cli(look);
}

}  // namespace

Result<RcloneRemote> rclone_remote_by_delegation(const std::string& url,
                                                 const EnvironmentReader& environment,
                                                 HttpClient& http, Clock& clock) {
  BATON_ASSIGN(AzurePlace place, parse_azure_url(url, environment));
  AzureSettings settings{place.account, environment};
  BATON_ASSIGN(auto found, signed_on({settings, http, clock}));
  if (!found) return rclone_remote(url, environment);
  auto signature =
      delegated_read_only_sas(http, clock, place.endpoint, place.account, place.container, *found);
  if (!signature.ok()) {
    Error error = signature.error();
    error.hint += (error.hint.empty() ? "" : ", or ") + std::string("leave mode: mount out");
    return error;
  }
  Remote remote("azureblob");
  remote.set("SAS_URL", place.endpoint + "/" + place.container + "?" + *signature);
  return remote.at(path_of(place.container, place.prefix));
}

Result<RcloneRemote> rclone_remote(const std::string& url, const EnvironmentReader& environment) {
  if (starts_with(url, "s3://")) return s3_remote(url, environment);
  if (starts_with(url, "gs://")) return gs_remote(url, environment);
  if (starts_with(url, "az://")) return az_remote(url, environment);
  return Error{
      Code::unsupported,
      "mode: mount works with s3://, gs:// and az:// only: a single file is always fetched",
      "leave it out"};
}

}  // namespace baton
