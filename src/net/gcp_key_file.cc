#include "net/gcp_key_file.h"

#include <cstdlib>

#include "base/encoding.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "base/text.h"
#include "net/http_date.h"
#include "net/jwt.h"
#include "net/token_reply.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxFile = 256 << 10;
constexpr int64_t kTimeoutMs = 20'000;
constexpr int64_t kAssertionS = 3600;
constexpr int64_t kMostSkewMs = 240'000;
constexpr char kTokenService[] = "https://oauth2.googleapis.com/token";
constexpr char kStorage[] = "https://www.googleapis.com/auth/devstorage.read_write";
// What asking for another account's token takes.
constexpr char kPlatform[] = "https://www.googleapis.com/auth/cloud-platform";
constexpr char kLoginHint[] = "`gcloud auth application-default login` signs on anew";

// A credentials file being read.
struct KeyFile {
  const GcpLookup& look;
  std::string path;

  std::string named(const std::string& what) const { return what + " (" + path + ")"; }
  Error wrong(const std::string& why) const {
    return {Code::denied, path + " cannot be used as Google credentials: " + why, kLoginHint};
  }
  Error unsupported(const std::string& what, const std::string& instead) const {
    return {Code::unsupported, path + " holds " + what + ", which baton does not know", instead};
  }
};

// The member, or an empty object where there is none of that type.
Json object_at(const Json& json, const char* key) {
  bool there = json.is_object() && json.contains(key) && json[key].is_object();
  return there ? json[key] : Json::object();
}

std::string form(const Headers& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    if (!value.empty()) text += (text.empty() ? "" : "&") + name + "=" + percent_encode(value);
  return text;
}

Result<HttpResponse> post(const KeyFile& file, const std::string& url, const std::string& type,
                          const std::string& body, const std::string& authorization = "") {
  auto parsed = parse_url(url);
  if (!parsed.ok()) return file.wrong("the address of its token service is not well formed");
  if (!is_private(*parsed)) return file.wrong("its token service is not reached by https");
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", type}, {"Accept", "application/json"}};
  if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
  request.body = body;
  request.max_body = 1 << 20;
  request.timeout_ms = kTimeoutMs;
  auto reply = file.look.http.send(request);
  if (!reply.ok()) return reply.error().within("the token service for " + file.path);
  return reply;
}

Result<HttpResponse> post_form(const KeyFile& file, const std::string& url, const Headers& fields,
                               const std::string& authorization = "") {
  return post(file, url, "application/x-www-form-urlencoded", form(fields), authorization);
}

// RFC 6749, 2.3.1.
std::string basic(const Json& json) {
  std::string id = get_string(json, "client_id");
  if (id.empty()) return "";
  return "Basic " +
         base64(percent_encode(id) + ":" + percent_encode(get_string(json, "client_secret")));
}

Result<BearerToken> with_login_hint(Result<BearerToken> token) {
  if (!token.is(Code::denied)) return token;
  return Error{Code::denied, token.error().message, kLoginHint};
}

Result<BearerToken> user_token(const KeyFile& file, const Json& json) {
  std::string refresh = get_string(json, "refresh_token");
  if (refresh.empty()) return file.wrong("it has no refresh_token");
  BATON_ASSIGN(HttpResponse reply, post_form(file, get_string(json, "token_uri", kTokenService),
                                             {{"grant_type", "refresh_token"},
                                              {"client_id", get_string(json, "client_id")},
                                              {"client_secret", get_string(json, "client_secret")},
                                              {"refresh_token", refresh}}));
  return with_login_hint(
      read_token_reply(reply, file.named("your own account"), file.look.clock.wall_ms()));
}

Result<BearerToken> workforce_token(const KeyFile& file, const Json& json) {
  std::string refresh = get_string(json, "refresh_token");
  if (refresh.empty()) return file.wrong("it has no refresh_token");
  BATON_ASSIGN(
      HttpResponse reply,
      post_form(file, get_string(json, "token_url", "https://sts.googleapis.com/v1/oauthtoken"),
                {{"grant_type", "refresh_token"}, {"refresh_token", refresh}}, basic(json)));
  return with_login_hint(read_token_reply(reply, file.named("your own account, by federation"),
                                          file.look.clock.wall_ms()));
}

Result<BearerToken> service_account_token(const KeyFile& file, const Json& json,
                                          const std::string& scope) {
  std::string account = get_string(json, "client_email");
  std::string service = get_string(json, "token_uri", kTokenService);
  if (account.empty()) return file.wrong("it has no client_email");
  Json header{{"alg", "RS256"}, {"typ", "JWT"}};
  std::string key_id = get_string(json, "private_key_id");
  if (!key_id.empty()) header["kid"] = key_id;
  int64_t now_ms = file.look.clock.wall_ms();
  for (int attempt = 0;; ++attempt) {
    Json claims{{"iss", account},
                {"scope", scope},
                {"aud", service},
                {"iat", now_ms / 1000},
                {"exp", now_ms / 1000 + kAssertionS}};
    auto assertion = sign_jwt(header, claims, get_string(json, "private_key"));
    if (!assertion.ok()) return file.wrong(assertion.error().message);
    BATON_ASSIGN(HttpResponse reply,
                 post_form(file, service,
                           {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                            {"assertion", *assertion}}));
    // An assertion of another time is refused; the reply tells how late it is there.
    auto date = parse_http_date(reply.header("Date"));
    bool skewed = reply.status == 400 && date && std::abs(*date - now_ms) > kMostSkewMs;
    if (!skewed || attempt > 0)
      return read_token_reply(reply, file.named("the service account " + printable(account)),
                              file.look.clock.wall_ms());
    now_ms = *date;
  }
}

// The text itself, or a member of it in JSON, as credential_source.format says.
Result<std::string> subject_of(const KeyFile& file, const Json& source, const std::string& text) {
  const Json format = object_at(source, "format");
  std::string token(trim(text));
  if (get_string(format, "type", "text") == "json") {
    auto json = parse_json(text, "the subject token");
    token =
        json.ok() ? get_string(*json, get_string(format, "subject_token_field_name").c_str()) : "";
  }
  if (token.empty()) return file.wrong("its credential_source gave no token");
  return token;
}

Result<std::string> subject_token(const KeyFile& file, const Json& source) {
  constexpr char kInstead[] =
      "use a credential_source of type file or url, or a service account's key";
  if (!get_string(source, "environment_id").empty())
    return file.unsupported("a federation from AWS keys", kInstead);
  if (source.contains("executable"))
    return file.unsupported("a federation through a program", kInstead);
  if (source.contains("certificate"))
    return file.unsupported("a federation by certificate", kInstead);
  std::string path = get_string(source, "file");
  if (!path.empty()) {  // rotated, so read every time
    BATON_ASSIGN(std::string text, read_file(path, kMaxFile));
    return subject_of(file, source, text);
  }
  HttpRequest request;
  request.url = get_string(source, "url");
  if (request.url.empty()) return file.wrong("its credential_source has neither file nor url");
  const Json headers = object_at(source, "headers");
  for (const auto& [name, value] : headers.items())
    if (value.is_string()) request.headers.emplace_back(name, value.get<std::string>());
  request.max_body = kMaxFile;
  request.timeout_ms = kTimeoutMs;
  request.use_proxy = starts_with(request.url, "https:");  // else it is a metadata service
  auto reply = file.look.http.send(request);
  if (!reply.ok()) return reply.error().within("the credential_source in " + file.path);
  if (reply->status != 200)
    return Error{reply->status >= 500 || reply->status == 429 ? Code::transient : Code::denied,
                 "the credential_source in " + file.path + " answers with status " +
                     std::to_string(reply->status),
                 ""};
  return subject_of(file, source, reply->body);
}

// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
Result<BearerToken> impersonate(const KeyFile& file, const BearerToken& own, const std::string& url,
                                const Json& delegates, int64_t lifetime_s) {
  Json body{{"scope", Json::array({kStorage})}, {"lifetime", std::to_string(lifetime_s) + "s"}};
  if (delegates.is_array() && !delegates.empty()) body["delegates"] = delegates;
  BATON_ASSIGN(HttpResponse reply,
               post(file, url, "application/json", dump_json(body), "Bearer " + own.token));
  size_t begin = url.rfind('/') + 1;
  std::string account = url.substr(begin, url.find(':', begin) - begin);
  std::string source = file.named("the service account " + printable(account) + ", impersonated");
  if (reply.status / 100 != 2) return token_refusal(reply, source);
  auto json = parse_json(reply.body, source);
  std::string token = json.ok() ? get_string(*json, "accessToken") : "";
  auto expires = json.ok() ? parse_iso_time(get_string(*json, "expireTime")) : std::nullopt;
  if (!is_token_text(token) || !expires)
    return Error{Code::permanent, source + ": the service answered without a token", ""};
  return BearerToken{token, *expires, source};
}

Result<BearerToken> federated_token(const KeyFile& file, const Json& json,
                                    const std::string& scope) {
  BATON_ASSIGN(std::string subject, subject_token(file, object_at(json, "credential_source")));
  const std::string target = get_string(json, "service_account_impersonation_url");
  const std::string project = get_string(json, "workforce_pool_user_project");
  Headers fields{{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                 {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                 {"audience", get_string(json, "audience")},
                 {"scope", target.empty() ? scope : kPlatform},
                 {"subject_token_type", get_string(json, "subject_token_type")},
                 {"subject_token", subject}};
  if (!project.empty()) fields.emplace_back("options", dump_json(Json{{"userProject", project}}));
  BATON_ASSIGN(HttpResponse reply,
               post_form(file, get_string(json, "token_url", "https://sts.googleapis.com/v1/token"),
                         fields, basic(json)));
  BATON_ASSIGN(BearerToken own, read_token_reply(reply, file.named("workload identity federation"),
                                                 file.look.clock.wall_ms()));
  if (target.empty()) return own;
  const Json settings = object_at(json, "service_account_impersonation");
  return impersonate(file, own, target, Json(),
                     get_int(settings, "token_lifetime_seconds", kAssertionS));
}

Result<BearerToken> token_of(const KeyFile& file, const Json& json, const std::string& scope);

Result<BearerToken> impersonated_token(const KeyFile& file, const Json& json) {
  const Json source = object_at(json, "source_credentials");
  if (get_string(source, "type") == "impersonated_service_account")
    return file.wrong("it impersonates through another impersonation; name delegates instead");
  BATON_ASSIGN(BearerToken own, token_of(file, source, kPlatform));
  return impersonate(file, own, get_string(json, "service_account_impersonation_url"),
                     json.value("delegates", Json()), kAssertionS);
}

Result<BearerToken> token_of(const KeyFile& file, const Json& json, const std::string& scope) {
  if (!json.is_object()) return file.wrong("it is not a JSON object");
  std::string type = get_string(json, "type");
  std::string universe = get_string(json, "universe_domain", "googleapis.com");
  if (universe != "googleapis.com")
    return file.unsupported("credentials for the cloud " + printable(universe), "");
  if (type == "authorized_user") return user_token(file, json);
  if (type == "service_account") return service_account_token(file, json, scope);
  if (type == "external_account") return federated_token(file, json, scope);
  if (type == "external_account_authorized_user") return workforce_token(file, json);
  if (type == "impersonated_service_account") return impersonated_token(file, json);
  if (type.empty()) return file.wrong("it has no type");
  return file.unsupported("credentials of type " + printable(type.substr(0, 60)),
                          "use a service account's key or your own account");
}

}  // namespace

Result<BearerToken> token_from_file(const GcpLookup& look, const std::string& path) {
  auto text = read_file(path, kMaxFile);
  if (!text.ok())
    return Error{Code::denied, text.error().message,
                 "GOOGLE_APPLICATION_CREDENTIALS names a credentials file"};
  auto json = parse_json(*text, path);
  KeyFile file{look, path};
  if (!json.ok()) return file.wrong("it is not JSON");
  return token_of(file, *json, kStorage);
}

}  // namespace baton
