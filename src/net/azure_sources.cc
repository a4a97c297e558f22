#include "net/azure_sources.h"

#include <algorithm>
#include <cctype>
#include <ctime>

#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"
#include "net/azure_connection.h"
#include "net/token_reply.h"
#include "os/cloud.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr char kStorage[] = "https://storage.azure.com";  // whom the tokens are for
constexpr int64_t kMetadataTimeoutMs = 2'000;
constexpr int64_t kServiceTimeoutMs = 20'000;
constexpr int64_t kCliTimeoutMs = 120'000;  // it may have to ask for a token itself
constexpr uint64_t kMaxToken = 64 << 10;
constexpr char kSignOn[] = "`az login` signs on";

using Kind = AzureCredentials::Kind;

std::string variable(const AzureLookup& look, const std::string& name) {
  return look.settings.environment(name).value_or("");
}

MaybeAzureCredentials none() { return std::optional<AzureCredentials>(); }

// No secret leaves this machine in the clear: https, or an address that is never routed further.
Status check_private(const std::string& url, const std::string& what) {
  BATON_ASSIGN(Url parsed, parse_url(url));
  bool link_local = starts_with(parsed.host, "169.254.") &&
                    parsed.host.find_first_not_of("0123456789.") == std::string::npos;
  if (is_private(parsed) || link_local) return {};
  return Error{Code::denied,
               what + " names " + parsed.host + ", which is neither https nor this machine's own",
               ""};
}

// "2026-11-22 05:00:00.000000", in local time, as older Azure CLIs print it; 0 for anything else.
int64_t local_seconds(const std::string& text) {
  std::tm parts{};
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
    return 0;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  parts.tm_isdst = -1;
  return std::max<int64_t>(0, mktime(&parts));
}

Result<AzureCredentials> bearer(const HttpResponse& reply, const std::string& source,
                                Clock& clock) {
  BATON_ASSIGN(BearerToken token, read_token_reply(reply, source, clock.wall_ms()));
  return AzureCredentials{Kind::bearer, token.token, token.expires_ms, source};
}

// What the Azure CLI prints; from 2.54 with expires_on.
Result<AzureCredentials> printed_token(const std::string& text, const std::string& source) {
  auto json = parse_json(text, source);
  std::string token = json.ok() ? get_string(*json, "accessToken") : "";
  // The error of the parser would quote its input.
  if (!is_token_text(token)) return Error{Code::denied, source + " printed no token", kSignOn};
  int64_t until = get_int(*json, "expires_on");
  if (until <= 0) until = local_seconds(get_string(*json, "expiresOn"));
  return AzureCredentials{Kind::bearer, token, until * 1000, source};
}

MaybeAzureCredentials maybe(Result<AzureCredentials> found) {
  if (!found.ok()) return found.error();
  return std::optional<AzureCredentials>(std::move(*found));
}

HttpRequest metadata_request(const std::string& url, const Headers& headers) {
  HttpRequest request;
  request.url = url;
  request.headers = headers;
  request.max_body = 1 << 20;
  request.timeout_ms = kMetadataTimeoutMs;
  request.connect_timeout_ms = kMetadataTimeoutMs;
  request.use_proxy = false;
  return request;
}

Result<AzureCredentials> sas_credentials(const AzureLookup& look, std::string sas,
                                         const std::string& source) {
  if (starts_with(sas, "?")) sas.erase(0, 1);
  // Anything else would make the URL bad, and be told with it.
  bool good = std::all_of(sas.begin(), sas.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-._~%=&:/+,").find(c) != std::string_view::npos;
  });
  if (!good || ("&" + sas).find("&sig=") == std::string::npos)
    return Error{Code::denied,
                 source + " holds no shared access signature for " + look.settings.account,
                 "it looks like sv=…&sp=…&sig=…"};
  return AzureCredentials{Kind::sas, sas, 0, source};
}

// The client and its tenant, where both are given.
struct Principal {
  std::string tenant, client, secret, token_file;
};

Result<AzureCredentials> ask_entra(const AzureLookup& look, const Principal& who) {
  std::string authority = variable(look, "AZURE_AUTHORITY_HOST");
  if (authority.empty()) authority = "https://login.microsoftonline.com";
  while (ends_with(authority, "/")) authority.pop_back();
  BATON_TRY(check_private(authority, "AZURE_AUTHORITY_HOST"));
  const bool federated = who.secret.empty();
  const std::string source =
      (federated ? "the workload identity " : "the service principal ") + printable(who.client);
  HttpRequest request;
  request.method = "POST";
  request.url = authority + "/" + percent_encode(who.tenant) + "/oauth2/v2.0/token";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "grant_type=client_credentials&client_id=" + percent_encode(who.client) +
                 "&scope=" + percent_encode(std::string(kStorage) + "/.default");
  if (federated) {
    BATON_ASSIGN(std::string token, read_file(who.token_file, kMaxToken));
    request.body +=
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A"
        "jwt-bearer&client_assertion=" +
        percent_encode(trim(token));
  } else {
    request.body += "&client_secret=" + percent_encode(who.secret);
  }
  request.max_body = 1 << 20;
  request.timeout_ms = kServiceTimeoutMs;
  auto reply = look.http.send(request);
  if (!reply.ok()) return reply.error().within(source);
  return bearer(*reply, source, look.clock);
}

}  // namespace

MaybeAzureCredentials azure_storage_variables(const AzureLookup& look) {
  const std::string& account = look.settings.account;
  AzureConnection named = parse_azure_connection(variable(look, "AZURE_STORAGE_CONNECTION_STRING"));
  if (named.account == account) {
    const std::string source = "AZURE_STORAGE_CONNECTION_STRING";
    if (!named.key.empty())
      return std::optional(AzureCredentials{Kind::shared_key, named.key, 0, source});
    if (!named.sas.empty()) return maybe(sas_credentials(look, named.sas, source));
  }
  std::string meant = variable(look, "AZURE_STORAGE_ACCOUNT");
  if (!meant.empty() && meant != account) return none();
  std::string key = variable(look, "AZURE_STORAGE_KEY");
  if (!key.empty())
    return std::optional(AzureCredentials{Kind::shared_key, key, 0, "AZURE_STORAGE_KEY"});
  std::string sas = variable(look, "AZURE_STORAGE_SAS_TOKEN");
  if (!sas.empty()) return maybe(sas_credentials(look, sas, "AZURE_STORAGE_SAS_TOKEN"));
  return none();
}

MaybeAzureCredentials azure_principal(const AzureLookup& look) {
  Principal who{variable(look, "AZURE_TENANT_ID"), variable(look, "AZURE_CLIENT_ID"),
                variable(look, "AZURE_CLIENT_SECRET"),
                variable(look, "AZURE_FEDERATED_TOKEN_FILE")};
  if (who.secret.empty() && who.token_file.empty()) return none();
  if (who.tenant.empty() || who.client.empty())
    return Error{
        Code::denied,
        std::string(who.secret.empty() ? "AZURE_FEDERATED_TOKEN_FILE" : "AZURE_CLIENT_SECRET") +
            " is set without AZURE_TENANT_ID and AZURE_CLIENT_ID",
        "set all three, or none"};
  return maybe(ask_entra(look, who));
}

MaybeAzureCredentials azure_service_identity(const AzureLookup& look) {
  std::string url = variable(look, "IDENTITY_ENDPOINT");
  std::string header = variable(look, "IDENTITY_HEADER");
  if (url.empty() || header.empty()) return none();
  BATON_TRY(check_private(url, "IDENTITY_ENDPOINT"));
  const std::string source = "the service's managed identity";
  url += (url.find('?') == std::string::npos ? "?" : "&");
  url += "api-version=2019-08-01&resource=" + percent_encode(kStorage);
  std::string client = variable(look, "AZURE_CLIENT_ID");
  if (!client.empty()) url += "&client_id=" + percent_encode(client);
  auto reply = look.http.send(metadata_request(url, {{"X-IDENTITY-HEADER", header}}));
  if (!reply.ok()) return reply.error().within(source);
  return maybe(bearer(*reply, source, look.clock));
}

MaybeAzureCredentials azure_machine_identity(const AzureLookup& look) {
  std::string base = variable(look, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
  const bool expected = look.had_identity || (base.empty() && detect_cloud() == "azure");
  if (base.empty()) base = "http://169.254.169.254";
  while (ends_with(base, "/")) base.pop_back();
  const std::string source = "this machine's managed identity";
  std::string url = base + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
                    percent_encode(kStorage);
  std::string client = variable(look, "AZURE_CLIENT_ID");
  if (!client.empty()) url += "&client_id=" + percent_encode(client);
  auto reply = look.http.send(metadata_request(url, {{"Metadata", "true"}}));
  if (!reply.ok() && expected) return reply.error().within(source);
  if (!reply.ok()) return none();  // no machine of Azure's
  if (reply->status == 200) {
    auto found = bearer(*reply, source, look.clock);
    if (found.ok()) return maybe(std::move(found));
    return none();  // another cloud's metadata service
  }
  // 410: the service is being updated; 400, 403, 404: the machine has no identity, or is not
  // Azure's.
  if (reply->status == 410 || reply->status == 429 || reply->status >= 500) {
    Error error = token_refusal(*reply, source);
    error.code = Code::transient;
    return error;
  }
  return none();
}

MaybeAzureCredentials azure_cli(const AzureLookup&) {
  if (!find_program("az")) return none();
  const std::string source = "`az account get-access-token`";
  SpawnOptions options;
  options.argv = {"az", "account", "get-access-token", "--resource", kStorage, "--output", "json"};
  auto done = run_command(options, kCliTimeoutMs);
  if (!done.ok()) return done.error().within(source);
  if (done->status.success()) return maybe(printed_token(done->out, source));
  std::string why(trim(done->err.substr(0, 500)));
  return Error{Code::denied,
               source + " failed (status " + std::to_string(done->status.shell_code()) + ")" +
                   (why.empty() ? "" : ": " + printable(why)),
               kSignOn};
}

}  // namespace baton
