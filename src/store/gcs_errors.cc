#include "store/gcs_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "store/bucket_reply.h"

namespace baton {
namespace {

struct Known {
  std::string_view reason;
  Code code;
  const char* hint = "";
};

constexpr char kCredentialHint[] =
    "`baton store check URL` says which credentials were found; docs/buckets.md where they come "
    "from";
constexpr char kRoleHint[] = "docs/buckets.md has the roles that a store needs";

constexpr std::array kKnown{
    Known{"conditionNotMet", Code::exists},
    Known{"notFound", Code::not_found},
    Known{"conflict", Code::transient},
    Known{"rateLimitExceeded", Code::transient},
    Known{"userRateLimitExceeded", Code::transient},
    Known{"usageLimits.rateLimitExceeded", Code::transient},
    Known{"quotaExceeded", Code::transient},
    Known{"backendError", Code::transient},
    Known{"internalError", Code::transient},
    Known{"gatewayTimeout", Code::transient},
    Known{"uploadBrokenConnection", Code::transient},
    Known{"authError", Code::denied, kCredentialHint},
    Known{"insufficientPermissions", Code::denied,
          "this machine's access scopes exclude it: give the machine the scope storage-rw or "
          "cloud-platform, or use other credentials"},
    Known{"forbidden", Code::denied, kRoleHint},
    Known{"accountDisabled", Code::denied, "the project's billing is off"},
    Known{"UserProjectAccountProblem", Code::denied, "the project's billing is off"},
    Known{"userProjectMissing", Code::invalid,
          "whoever asks pays for this bucket: gs://bucket/prefix?user_project=PROJECT"},
    Known{"retentionPolicyNotMet", Code::denied,
          "a store replaces and removes objects: use a bucket without a retention policy"},
    Known{"objectUnderActiveHold", Code::denied,
          "a store replaces and removes objects: use a bucket without holds"},
};

Known by_status(int status) {
  const char* hint = status == 401 ? kCredentialHint : status == 403 ? kRoleHint : "";
  return {"", code_of_status(status), hint};
}

struct Told {
  std::string reason, message;
};

// {"error": {"message": …, "errors": [{"reason": …}]}}, and plain text where an object was asked
// for. A load balancer's page of HTML is told by its status alone.
Told told_by(const HttpResponse& reply) {
  auto json = parse_json(reply.body, "the reply");
  if (!json.ok() || !json->is_object() || !json->contains("error")) {
    bool plain = starts_with(reply.header("Content-Type"), "text/plain");
    return {"", plain ? std::string(trim(reply.body.substr(0, 300))) : ""};
  }
  const Json& error = (*json)["error"];
  Told told{"", get_string(error, "message")};
  if (error.is_object() && error.contains("errors") && error["errors"].is_array() &&
      !error["errors"].empty())
    told.reason = get_string(error["errors"][0], "reason");
  return told;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Known judge(int status, const Told& told) {
  if (contains(told.message, "specified bucket does not exist"))
    return {"", Code::permanent, "make the bucket first; baton never makes or removes buckets"};
  // "Provided CRC32C "…" doesn't match calculated CRC32C "…"."
  if (status == 400 && contains(told.message, "match calculated")) return {"", Code::transient};
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(),
                                   [&](const Known& entry) { return entry.reason == told.reason; });
  return known != kKnown.end() ? *known : by_status(status);
}

}  // namespace

GcsFailure classify_gcs(const HttpResponse& reply, const std::string& doing) {
  Told told = told_by(reply);
  Known what = judge(reply.status, told);
  std::string message = refusal_text(doing, what.code, reply.status, told.message, told.reason);
  return {Error{what.code, message, what.hint}, reply.status == 401};
}

}  // namespace baton
