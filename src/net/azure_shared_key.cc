#include "net/azure_shared_key.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/encoding.h"
#include "base/text.h"

namespace baton {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Bytewise, which for the names that baton sends is the order of Azure's own comparison (where '-'
// and '_' stand before digits and letters only when all else is equal).
std::string canonical_headers(const Headers& headers) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : headers)
    if (starts_with(lower(name), "x-ms-")) sorted.emplace(lower(name), trim(value));
  std::string out;
  for (const auto& [name, value] : sorted) out.append(name).append(":").append(value).append("\n");
  return out;
}

std::string canonical_resource(const std::string& target, const std::string& account) {
  size_t mark = std::min(target.find('?'), target.size());
  std::string out = "/" + account + target.substr(0, mark);
  if (mark >= target.size()) return out;
  std::map<std::string, std::string> sorted;
  for (const std::string& item : split(target.substr(mark + 1), '&')) {
    size_t equals = std::min(item.find('='), item.size());
    std::string value = equals < item.size() ? item.substr(equals + 1) : "";
    if (!item.empty())
      sorted.emplace(lower(percent_decode(item.substr(0, equals))), percent_decode(value));
  }
  for (const auto& [name, value] : sorted) out.append("\n").append(name).append(":").append(value);
  return out;
}

std::string value_of(const Headers& headers, const std::string& wanted) {
  for (const auto& [name, value] : headers)
    if (lower(name) == wanted) return value;
  return "";
}

Result<std::string> secret_of(const std::string& account, const std::string& key) {
  auto secret = base64_decode(key);
  if (secret && !secret->empty()) return std::move(*secret);
  return Error{Code::denied, "the key of the storage account " + account + " is not base64",
               "copy it again as `az storage account keys list` prints it"};
}

}  // namespace

Result<std::string> shared_key_text(const HttpRequest& request, const std::string& account) {
  BATON_ASSIGN(Url url, parse_url(request.url));
  const uint64_t size = request.body_size();
  std::string text = request.method + "\n";
  text += value_of(request.headers, "content-encoding") + "\n";
  text += value_of(request.headers, "content-language") + "\n";
  text += (size > 0 ? std::to_string(size) : "") + "\n";
  for (const char* name : {"content-md5", "content-type", "date", "if-modified-since", "if-match",
                           "if-none-match", "if-unmodified-since", "range"})
    text += value_of(request.headers, name) + "\n";
  return text + canonical_headers(request.headers) + canonical_resource(url.target, account);
}

Status sign_shared_key(HttpRequest& request, const std::string& account, const std::string& key) {
  BATON_ASSIGN(std::string secret, secret_of(account, key));
  BATON_ASSIGN(std::string text, shared_key_text(request, account));
  request.headers.emplace_back("Authorization",
                               "SharedKey " + account + ":" + base64(hmac_sha256(secret, text)));
  return {};
}

Result<std::string> read_only_sas(const std::string& account, const std::string& key,
                                  int64_t until_s) {
  BATON_ASSIGN(std::string secret, secret_of(account, key));
  const std::string version = "2019-12-12", until = iso_time_ms(until_s * 1000).substr(0, 19) + "Z";
  // Permissions, services, resource types, start, end, addresses, protocols, version.
  const std::string text =
      account + "\nrl\nb\nco\n\n" + until + "\n\nhttps,http\n" + version + "\n";
  return "sv=" + version + "&ss=b&srt=co&sp=rl&se=" + percent_encode(until) +
         "&spr=https,http&sig=" + percent_encode(base64(hmac_sha256(secret, text)));
}

}  // namespace baton
