#include "net/aws_sources.h"

#include "base/encoding.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "base/text.h"
#include "base/xml.h"
#include "os/cloud.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr int64_t kMetadataTimeoutMs = 2'000;
constexpr int64_t kServiceTimeoutMs = 20'000;
constexpr int64_t kProcessTimeoutMs = 120'000;  // SSO may talk to several services
constexpr uint64_t kMaxToken = 64 << 10;

std::string variable(const AwsLookup& look, const std::string& name) {
  return look.environment(name).value_or("");
}

// Members named as credential_process and the metadata services have them ("Token" or
// "SessionToken").
Result<AwsCredentials> from_json(const std::string& text, const std::string& source) {
  auto json = parse_json(text, source);
  // The error of the parser quotes its input.
  if (!json.ok() || !json->is_object())
    return Error{Code::permanent, source + " did not answer with credentials in JSON", ""};
  AwsCredentials found;
  found.key_id = get_string(*json, "AccessKeyId");
  found.secret = get_string(*json, "SecretAccessKey");
  found.token = get_string(*json, "SessionToken", get_string(*json, "Token"));
  std::string expires = get_string(*json, "Expiration");
  if (found.key_id.empty() || found.secret.empty())
    return Error{Code::permanent, source + " answered without AccessKeyId and SecretAccessKey", ""};
  if (!expires.empty()) {
    auto time = parse_iso_time(expires);
    if (!time)
      return Error{
          Code::permanent,
          source + " gave an Expiration that is no time: " + printable(expires.substr(0, 60)), ""};
    found.expires_ms = *time;
  }
  found.source = source;
  return found;
}

// Asks a metadata service, whatever it answers.
Result<HttpResponse> reply_of(const AwsLookup& look, const std::string& method,
                              const std::string& url, const Headers& headers,
                              const std::string& source) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.headers = headers;
  request.max_body = 1 << 20;
  request.timeout_ms = kMetadataTimeoutMs;
  request.connect_timeout_ms = kMetadataTimeoutMs;
  request.use_proxy = false;
  auto reply = look.http.send(request);
  if (!reply.ok()) return reply.error().within(source);
  return reply;
}

// A reply of 2xx, or the error that another one is.
Result<HttpResponse> accepted(Result<HttpResponse> reply, const std::string& source) {
  if (!reply.ok() || reply->status / 100 == 2) return reply;
  bool passing = reply->status >= 500 || reply->status == 429;
  return Error{passing ? Code::transient : Code::denied,
               source + " answers with status " + std::to_string(reply->status), ""};
}

Result<HttpResponse> get_from(const AwsLookup& look, const std::string& url, const Headers& headers,
                              const std::string& source) {
  return accepted(reply_of(look, "GET", url, headers, source), source);
}

MaybeCredentials maybe(Result<AwsCredentials> found) {
  if (!found.ok()) return found.error();
  return std::optional<AwsCredentials>(std::move(*found));
}

// What a program prints; its own words on failure go into the error, its output never does.
Result<AwsCredentials> from_program(std::vector<std::string> argv, const std::string& source) {
  SpawnOptions options;
  options.argv = std::move(argv);
  auto done = run_command(options, kProcessTimeoutMs);
  if (!done.ok()) return done.error().within(source);
  if (!done->status.success()) {
    std::string why(trim(done->err.substr(0, 500)));
    return Error{Code::denied,
                 source + " failed (status " + std::to_string(done->status.shell_code()) + ")" +
                     (why.empty() ? "" : ": " + printable(why)),
                 ""};
  }
  return from_json(done->out, source);
}

struct WebIdentity {
  std::string token_file, role, session;
};

WebIdentity web_identity_of(const AwsLookup& look) {
  WebIdentity found{variable(look, "AWS_WEB_IDENTITY_TOKEN_FILE"), variable(look, "AWS_ROLE_ARN"),
                    variable(look, "AWS_ROLE_SESSION_NAME")};
  if (look.only_profile || found.token_file.empty() || found.role.empty())
    found = {look.profile.at("web_identity_token_file"), look.profile.at("role_arn"),
             look.profile.at("role_session_name")};
  if (found.session.empty()) found.session = "baton";
  return found;
}

std::string sts_endpoint(const AwsLookup& look) {
  for (std::string url :
       {variable(look, "AWS_ENDPOINT_URL_STS"), variable(look, "AWS_ENDPOINT_URL"),
        look.profile.at("sts.endpoint_url"), look.profile.at("endpoint_url")})
    if (!url.empty()) return url;
  std::string region = variable(look, "AWS_REGION");
  if (region.empty()) region = variable(look, "AWS_DEFAULT_REGION");
  if (region.empty()) region = look.profile.at("region");
  return region.empty() ? "https://sts.amazonaws.com" : "https://sts." + region + ".amazonaws.com";
}

// ECS's own address, EKS's, and this machine: to nobody else is the token sent in the clear.
bool may_be_asked(const Url& url) {
  return is_private(url) || url.host == "169.254.170.2" || url.host == "169.254.170.23" ||
         url.host == "fd00:ec2::23";
}

}  // namespace

MaybeCredentials environment_credentials(const AwsLookup& look) {
  AwsCredentials found{variable(look, "AWS_ACCESS_KEY_ID"), variable(look, "AWS_SECRET_ACCESS_KEY"),
                       variable(look, "AWS_SESSION_TOKEN"), 0, "the environment"};
  if (found.key_id.empty() && found.secret.empty()) return std::optional<AwsCredentials>();
  if (found.key_id.empty() || found.secret.empty())
    return Error{Code::denied, "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set",
                 "set both, or unset both"};
  return std::optional(found);
}

MaybeCredentials web_identity_credentials(const AwsLookup& look) {
  WebIdentity identity = web_identity_of(look);
  if (identity.token_file.empty() || identity.role.empty()) return std::optional<AwsCredentials>();
  std::string source =
      "role " + printable(identity.role) + " by the token in " + identity.token_file;
  BATON_ASSIGN(std::string token, read_file(identity.token_file, kMaxToken));
  HttpRequest request;
  request.method = "POST";
  request.url = sts_endpoint(look);
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/xml"}};
  request.body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                 percent_encode(identity.role) +
                 "&RoleSessionName=" + percent_encode(identity.session) +
                 "&WebIdentityToken=" + percent_encode(trim(token));
  request.timeout_ms = kServiceTimeoutMs;
  auto reply = look.http.send(request);
  if (!reply.ok()) return reply.error().within(source);
  auto xml = parse_xml(reply->body, source);
  if (reply->status != 200) {
    std::string told = xml.ok() ? xml->at("Error/Code") : "";
    bool passing = reply->status >= 500 || reply->status == 429;
    return Error{passing ? Code::transient : Code::denied,
                 source + ": STS answers with status " + std::to_string(reply->status) +
                     (told.empty() ? "" : " " + printable(told)),
                 ""};
  }
  if (!xml.ok()) return xml.error();
  const std::string path = "AssumeRoleWithWebIdentityResult/Credentials/";
  AwsCredentials found{xml->at(path + "AccessKeyId"), xml->at(path + "SecretAccessKey"),
                       xml->at(path + "SessionToken"),
                       parse_iso_time(xml->at(path + "Expiration")).value_or(0), source};
  if (found.key_id.empty() || found.secret.empty())
    return Error{Code::permanent, source + ": STS answered without credentials", ""};
  return std::optional(found);
}

MaybeCredentials profile_credentials(const AwsLookup& look) {
  const AwsProfile& profile = look.profile;
  if (!profile.found) {
    if (!profile.named) return std::optional<AwsCredentials>();
    return Error{Code::denied,
                 "the profile \"" + printable(profile.name) + "\" is neither in " +
                     profile.config_path + " nor in " + profile.credentials_path,
                 "`aws configure --profile NAME` makes one"};
  }
  std::string source = "profile \"" + printable(profile.name) + "\"";
  bool by_aws = !profile.at("role_arn").empty() || !profile.at("sso_session").empty() ||
                !profile.at("sso_start_url").empty() || !profile.at("login_session").empty();
  if (by_aws) {
    source += " through `aws configure export-credentials`";
    if (!find_program("aws"))
      return Error{Code::denied,
                   "the profile \"" + printable(profile.name) +
                       "\" uses a role or single sign-on, and the aws command is not here",
                   "install the AWS CLI (from 2.9), or export AWS_ACCESS_KEY_ID, "
                   "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"};
    auto found = from_program({"aws", "configure", "export-credentials", "--profile", profile.name,
                               "--format", "process"},
                              source);
    if (found.is(Code::denied))
      return Error{Code::denied, found.error().message,
                   "`aws sso login --profile " + shell_quote(profile.name) + "` renews a sign-on"};
    return maybe(std::move(found));
  }
  AwsCredentials found{profile.at("aws_access_key_id"), profile.at("aws_secret_access_key"),
                       profile.at("aws_session_token"), 0, source};
  if (!found.key_id.empty() && !found.secret.empty()) return std::optional(found);
  std::string command = profile.at("credential_process");
  if (!command.empty())
    return maybe(from_program({"/bin/sh", "-c", command}, source + "'s credential_process"));
  return std::optional<AwsCredentials>();
}

MaybeCredentials container_credentials(const AwsLookup& look) {
  std::string relative = variable(look, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = relative.empty() ? variable(look, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                     : "http://169.254.170.2" + relative;
  if (url.empty()) return std::optional<AwsCredentials>();
  const std::string source = "the container's role";
  BATON_ASSIGN(Url parsed, parse_url(url));
  if (!may_be_asked(parsed))
    return Error{Code::denied,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI names " + parsed.host +
                     ", which is neither https nor this machine's own",
                 ""};
  std::string token = variable(look, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  std::string file = variable(look, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!file.empty()) {  // rotated, so read every time
    BATON_ASSIGN(std::string text, read_file(file, kMaxToken));
    token = trim(text);
  }
  Headers headers;
  if (!token.empty()) headers.emplace_back("Authorization", token);
  auto reply = get_from(look, url, headers, source);
  if (!reply.ok()) return reply.error();
  return maybe(from_json(reply->body, source));
}

MaybeCredentials instance_credentials(const AwsLookup& look) {
  if (variable(look, "AWS_EC2_METADATA_DISABLED") == "true") return std::optional<AwsCredentials>();
  std::string base = variable(look, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const bool expected = look.had_role || (base.empty() && detect_cloud() == "aws");
  if (base.empty()) base = "http://169.254.169.254";
  while (ends_with(base, "/")) base.pop_back();
  const std::string source = "this instance's role";
  auto answer = reply_of(look, "PUT", base + "/latest/api/token",
                         {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}, source);
  if (!answer.ok() && !expected) return std::optional<AwsCredentials>();  // no machine of Amazon's
  auto token = accepted(std::move(answer), source);
  if (token.is(Code::denied)) return std::optional<AwsCredentials>();  // it may not ask
  if (!token.ok()) return token.error();
  Headers headers{{"X-aws-ec2-metadata-token", token->body}};
  std::string path = base + "/latest/meta-data/iam/security-credentials/";
  auto roles = get_from(look, path, headers, source);
  if (roles.is(Code::denied)) return std::optional<AwsCredentials>();  // 404: it has no role
  if (!roles.ok()) return roles.error();
  std::string role(trim(roles->body.substr(0, roles->body.find('\n'))));
  auto reply = get_from(look, path + percent_encode(role), headers, source);
  if (!reply.ok()) return reply.error();
  return maybe(from_json(reply->body, source + " " + printable(role)));
}

}  // namespace baton
