#include "net/azure_delegation.h"

#include "base/encoding.h"
#include "base/iso_time.h"
#include "base/text.h"
#include "base/xml.h"

namespace baton {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr int64_t kSkewMs = 5 * kMinuteMs;  // that the service's clock may be behind
constexpr int64_t kTimeoutMs = 30'000;
constexpr uint64_t kMaxReply = 64 << 10;
constexpr char kVersion[] = "2023-11-03";

std::string seconds_text(int64_t wall_ms) { return iso_time_ms(wall_ms).substr(0, 19) + "Z"; }

struct DelegationKey {
  std::string object, tenant, start, expiry, service, version;
  std::string value;  // bytes
};

Result<DelegationKey> get_key(HttpClient& http, const std::string& endpoint,
                              const std::string& account, const AzureCredentials& token,
                              int64_t now_ms) {
  const std::string doing = "asking " + account + " for a key that delegates";
  const std::string body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>" +
                           seconds_text(now_ms - kSkewMs) + "</Start><Expiry>" +
                           seconds_text(now_ms + 7 * kDayMs - 2 * kSkewMs) + "</Expiry></KeyInfo>";
  HttpRequest request;
  request.method = "POST";
  request.url = endpoint + "/?restype=service&comp=userdelegationkey";
  request.headers = {{"x-ms-version", kVersion}, {"Content-Type", "application/xml"}};
  request.body_view = body;
  request.timeout_ms = kTimeoutMs;
  request.max_body = kMaxReply;
  BATON_TRY(authorize_azure(request, account, token));
  auto reply = http.send(request);
  if (!reply.ok()) return reply.error().within(doing);
  if (reply->status == 403)
    return Error{Code::denied,
                 token.source + " may not ask " + account + " for a key that delegates",
                 "grant it the role Storage Blob Delegator on the account"};
  if (reply->status != 200)
    return Error{reply->status / 100 == 5 ? Code::transient : Code::permanent,
                 doing + ": HTTP status " + std::to_string(reply->status), ""};
  BATON_ASSIGN(Xml xml, parse_xml(reply->body, account + ": the key that delegates"));
  auto value = base64_decode(xml.at("Value"));
  DelegationKey key{xml.at("SignedOid"),    xml.at("SignedTid"),     xml.at("SignedStart"),
                    xml.at("SignedExpiry"), xml.at("SignedService"), xml.at("SignedVersion"),
                    value.value_or("")};
  if (key.value.empty() || key.object.empty() || key.expiry.empty())
    return Error{Code::transient, doing + ": the reply holds no key", ""};
  return key;
}

}  // namespace

Result<std::string> delegated_read_only_sas(HttpClient& http, Clock& clock,
                                            const std::string& endpoint, const std::string& account,
                                            const std::string& container,
                                            const AzureCredentials& token) {
  BATON_ASSIGN(DelegationKey key, get_key(http, endpoint, account, token, clock.wall_ms()));
  const std::string permissions = "rl", resource = "c", protocols = "https,http";
  // In the order of the documentation, for versions from 2020-12-06 on. Empty: whom the SAS is for,
  // a correlation, addresses; a snapshot, an encryption scope, five headers of replies.
  const std::string text = permissions + "\n" + key.start + "\n" + key.expiry + "\n/blob/" +
                           account + "/" + container + "\n" + key.object + "\n" + key.tenant +
                           "\n" + key.start + "\n" + key.expiry + "\n" + key.service + "\n" +
                           key.version + "\n\n\n\n\n" + protocols + "\n" + kVersion + "\n" +
                           resource + "\n\n\n\n\n\n\n";
  std::string sas = "sv=" + std::string(kVersion) + "&sp=" + permissions + "&sr=" + resource +
                    "&spr=" + protocols;
  for (const auto& [name, value] : {std::pair("st", &key.start),
                                    {"se", &key.expiry},
                                    {"skoid", &key.object},
                                    {"sktid", &key.tenant},
                                    {"skt", &key.start},
                                    {"ske", &key.expiry},
                                    {"sks", &key.service},
                                    {"skv", &key.version}})
    sas += "&" + std::string(name) + "=" + percent_encode(*value);
  return sas + "&sig=" + percent_encode(base64(hmac_sha256(key.value, text)));
}

}  // namespace baton
