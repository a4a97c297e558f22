#include "store/azure_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "base/xml.h"
#include "store/bucket_reply.h"

namespace baton {
namespace {

struct Known {
  std::string_view name;
  Code code;
  const char* hint = "";
  bool not_authenticated = false;
};

constexpr char kCredentialHint[] =
    "`baton store check URL` says which credentials were found; docs/buckets.md where they come "
    "from";
constexpr char kRoleHint[] = "docs/buckets.md has the role that a store needs";
constexpr char kFirewallHint[] = "the account's firewall has to let this machine in";
constexpr char kProtectedHint[] = "a store's container may have no immutability policy";

// 409 and 412 mean more than that there is an object: they count as such by their code alone.
constexpr std::array kKnown{
    Known{"ConditionNotMet", Code::exists},
    Known{"TargetConditionNotMet", Code::exists},
    Known{"BlobAlreadyExists", Code::exists},  // Azurite's, and of some versions of the service
    Known{"BlobNotFound", Code::not_found},
    Known{"ResourceNotFound", Code::not_found},
    Known{"InvalidBlockList", Code::not_found},  // the blocks are gone
    Known{"ContainerNotFound", Code::permanent,
          "make the container first; baton never makes or removes containers"},
    Known{"ContainerBeingDeleted", Code::permanent},
    Known{"ContainerDisabled", Code::permanent},
    Known{"AuthenticationFailed", Code::denied, kCredentialHint, true},
    Known{"InvalidAuthenticationInfo", Code::denied, kCredentialHint, true},
    Known{"NoAuthenticationInformation", Code::denied, kCredentialHint},
    Known{"KeyBasedAuthenticationNotPermitted", Code::denied,
          "this account takes no keys: unset them, and use a role"},
    Known{"AuthorizationPermissionMismatch", Code::denied, kRoleHint},
    Known{"InsufficientAccountPermissions", Code::denied, kRoleHint},
    Known{"UnauthorizedBlobOverwrite", Code::denied, kRoleHint},
    Known{"AuthorizationFailure", Code::denied, kFirewallHint},
    Known{"AuthorizationSourceIPMismatch", Code::denied, kFirewallHint},
    Known{"BlobImmutableDueToPolicy", Code::denied, kProtectedHint},
    Known{"LeaseIdMissing", Code::denied, "somebody has leased it; baton never does"},
    Known{"Md5Mismatch", Code::transient},
    Known{"IncompleteBody", Code::transient},
    Known{"ServerBusy", Code::transient},
    Known{"InternalError", Code::transient},
    Known{"OperationTimedOut", Code::transient},
    Known{"SystemInUse", Code::transient},
};

Known by_status(int status) {
  // Only a code of its own says what has changed, or conflicts.
  if (status == 304 || status == 409) return {"", Code::permanent};
  if (status == 401) return {"", Code::denied, kCredentialHint, true};
  return {"", code_of_status(status), status == 403 ? kRoleHint : ""};
}

// With a load balancer's page of HTML instead, the status alone tells.
Xml error_element(const HttpResponse& reply) {
  auto parsed = parse_xml(reply.body, "the reply");
  return parsed.ok() && parsed->name == "Error" ? *parsed : Xml{};
}

// The first line; those behind it are the request's id and time. Of the details only those on times
// are repeated: others quote what was signed.
std::string told_by(const Xml& body) {
  std::string text = body.at("Message");
  text = text.substr(0, text.find_first_of("\r\n"));
  std::string detail = body.at("AuthenticationErrorDetail");
  bool on_times = starts_with(detail, "Signature not valid in the specified time frame") ||
                  starts_with(detail, "Request date header too old");
  return on_times ? detail : text;
}

}  // namespace

AzureFailure classify_azure(const HttpResponse& reply, const std::string& doing) {
  Xml body = error_element(reply);
  std::string name = reply.header("x-ms-error-code");  // also in replies to HEAD
  if (name.empty()) name = body.at("Code");
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(),
                                   [&](const Known& entry) { return entry.name == name; });
  Known what = known != kKnown.end() ? *known : by_status(reply.status);
  // A code that is not known here says something else than what its status usually means.
  bool by_code = known == kKnown.end() && !name.empty();
  if (by_code && what.code == Code::exists) what.code = Code::permanent;
  std::string message = refusal_text(doing, what.code, reply.status, told_by(body), name);
  return {Error{what.code, message, what.hint}, what.not_authenticated};
}

}  // namespace baton
