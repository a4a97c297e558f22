#include "store/s3_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/xml.h"
#include "store/bucket_reply.h"

namespace baton {
namespace {

struct Known {
  std::string_view name;
  Code code;
  const char* hint = "";
  S3Remedy remedy = S3Remedy::none;
};

constexpr char kCredentialHint[] =
    "`baton store check URL` says which credentials were found; docs/buckets.md where they come "
    "from";
constexpr char kPolicyHint[] = "docs/buckets.md has the policy that a store needs";

constexpr std::array kKnown{
    Known{"PreconditionFailed", Code::exists},
    Known{"ConditionalRequestConflict", Code::transient},
    Known{"OperationAborted", Code::transient},
    Known{"NoSuchKey", Code::not_found},
    Known{"NoSuchUpload", Code::not_found},
    Known{"NoSuchBucket", Code::permanent,
          "make the bucket first; baton never makes or removes buckets"},
    Known{"RequestTimeTooSkewed", Code::transient, "set this machine's clock", S3Remedy::set_clock},
    Known{"RequestExpired", Code::transient, "set this machine's clock", S3Remedy::set_clock},
    Known{"ExpiredToken", Code::denied, kCredentialHint, S3Remedy::new_credentials},
    Known{"TokenRefreshRequired", Code::denied, kCredentialHint, S3Remedy::new_credentials},
    Known{"InvalidToken", Code::denied, kCredentialHint, S3Remedy::new_credentials},
    Known{"InvalidAccessKeyId", Code::denied, kCredentialHint, S3Remedy::new_credentials},
    Known{"SignatureDoesNotMatch", Code::denied, kCredentialHint},
    Known{"AccessDenied", Code::denied, kPolicyHint},
    Known{"AllAccessDisabled", Code::denied, kPolicyHint},
    Known{"AccountProblem", Code::denied},
    Known{"AuthorizationHeaderMalformed", Code::invalid,
          "name the bucket's region: s3://bucket/prefix?region=…", S3Remedy::set_region},
    Known{"PermanentRedirect", Code::invalid,
          "name the bucket's region: s3://bucket/prefix?region=…", S3Remedy::set_region},
    Known{"TemporaryRedirect", Code::transient, "", S3Remedy::set_region},
    Known{"BadDigest", Code::transient},
    Known{"XAmzContentSHA256Mismatch", Code::transient},
    Known{"XAmzContentChecksumMismatch", Code::transient},
    Known{"IncompleteBody", Code::transient},
    Known{"RequestTimeout", Code::transient},
    Known{"SlowDown", Code::transient},
    Known{"InternalError", Code::transient},
    Known{"ServiceUnavailable", Code::transient},
    Known{"QuotaExceeded", Code::no_space},
    Known{"XMinioStorageFull", Code::no_space},
    Known{"NotImplemented", Code::unsupported},
};

Known by_status(int status) {
  return {"", code_of_status(status), status == 401 || status == 403 ? kPolicyHint : ""};
}

// Some services put a load balancer's page of HTML in front; that is told by its status alone.
Xml error_element(const HttpResponse& reply) {
  auto parsed = parse_xml(reply.body, "the reply");
  return parsed.ok() && parsed->name == "Error" ? *parsed : Xml{};
}

}  // namespace

S3Failure classify_s3(const HttpResponse& reply, const std::string& doing) {
  Xml body = error_element(reply);
  std::string name = body.at("Code");
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(),
                                   [&](const Known& entry) { return entry.name == name; });
  Known what = known != kKnown.end() ? *known : by_status(reply.status);
  // HEAD's replies: 400 for another region or an expired token, 403 for a wrong clock or a key that
  // is gone.
  if (name.empty() && (reply.status == 400 || reply.status == 403))
    what.remedy = S3Remedy::no_reason;
  if (reply.status == 301 && !reply.header("x-amz-bucket-region").empty())
    what.remedy = S3Remedy::set_region;
  std::string message = refusal_text(doing, what.code, reply.status, body.at("Message"), name);
  return {Error{what.code, message, what.hint}, what.remedy};
}

bool is_s3_error_body(const std::string& body) {
  auto parsed = parse_xml(body, "the reply");
  return !parsed.ok() || parsed->name == "Error";
}

}  // namespace baton
