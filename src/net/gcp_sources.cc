#include "net/gcp_sources.h"

#include <algorithm>

#include "base/text.h"
#include "net/gcp_key_file.h"
#include "net/token_reply.h"
#include "os/cloud.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr int64_t kMetadataTimeoutMs = 2'000;
constexpr int64_t kCommandTimeoutMs = 60'000;
// gcloud tells a token without its end. It gives out none with less than this left, and one that
// ends earlier is refused by the service and fetched anew.
constexpr int64_t kCommandTokenMs = 1'800'000;

Result<HttpResponse> ask_metadata(const GcpLookup& look, const std::string& path) {
  std::string host = look.at("GCE_METADATA_HOST");
  HttpRequest request;
  // The address instead of the name: it works with any name server, and fails at once without one.
  request.url = "http://" + (host.empty() ? "169.254.169.254" : host) +
                "/computeMetadata/v1/instance/service-accounts/default/" + path;
  request.headers = {{"Metadata-Flavor", "Google"}};
  request.max_body = 64 << 10;
  request.timeout_ms = request.connect_timeout_ms = kMetadataTimeoutMs;
  request.use_proxy = false;
  return look.http.send(request);
}

}  // namespace

MaybeToken file_token(const GcpLookup& look) {
  std::string path = look.at("GOOGLE_APPLICATION_CREDENTIALS");
  if (path.empty()) {
    std::string directory = look.at("CLOUDSDK_CONFIG");
    if (directory.empty()) directory = join_path(look.at("HOME"), ".config/gcloud");
    path = join_path(directory, "application_default_credentials.json");
    if (!exists(path)) return std::optional<BearerToken>();
  }
  BATON_ASSIGN(BearerToken token, token_from_file(look, path));
  return std::optional(std::move(token));
}

MaybeToken metadata_token(const GcpLookup& look) {
  if (look.at("NO_GCE_CHECK") == "true") return std::optional<BearerToken>();
  auto reply = ask_metadata(look, "token");
  // In a pod that just starts the server may be late; elsewhere there is none.
  if (!reply.ok() && (!look.at("GCE_METADATA_HOST").empty() || detect_cloud() == "gcp"))
    return Error{Code::transient, "Google's metadata server: " + reply.error().message, ""};
  // Other clouds have a server at the same address.
  if (!reply.ok() || reply->header("Metadata-Flavor") != "Google")
    return std::optional<BearerToken>();
  if (reply->status == 404) return std::optional<BearerToken>();  // a machine without an account
  auto name = ask_metadata(look, "email");
  std::string account = name.ok() && name->status == 200 ? printable(trim(name->body)) : "default";
  BATON_ASSIGN(BearerToken token,
               read_token_reply(*reply, "the service account " + account + " of this machine",
                                look.clock.wall_ms()));
  return std::optional(std::move(token));
}

MaybeToken gcloud_token(const GcpLookup& look) {
  if (!find_program("gcloud")) return std::optional<BearerToken>();
  const std::string source = "`gcloud auth print-access-token`";
  constexpr char kHint[] = "`gcloud auth login` signs on";
  SpawnOptions options;
  options.argv = {"gcloud", "auth", "print-access-token", "--quiet"};
  auto done = run_command(options, kCommandTimeoutMs);
  if (!done.ok()) return done.error().within(source);
  if (!done->status.success()) {
    std::string why = printable(trim(done->err.substr(0, done->err.find('\n'))).substr(0, 300));
    return Error{Code::denied, source + " failed" + (why.empty() ? "" : ": " + why), kHint};
  }
  std::string token(trim(done->out));
  if (!is_token_text(token))
    return Error{Code::denied, source + " printed something that is no token", kHint};
  return std::optional(BearerToken{token, look.clock.wall_ms() + kCommandTokenMs, source});
}

}  // namespace baton
