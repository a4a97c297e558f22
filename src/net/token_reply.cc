#include "net/token_reply.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace baton {
namespace {

constexpr int64_t kUnstatedMs = 600'000;  // of a token that does not say how long it lives
constexpr int64_t kLongestS = 7 * 86'400;
constexpr size_t kLongestWord = 60;

// What a service says, unless it repeats something as long as a token.
std::string harmless(const std::string& text) {
  for (const std::string& word : split(text, ' '))
    if (word.size() > kLongestWord) return "";
  return printable(text.substr(0, 300));
}

}  // namespace

bool is_token_text(const std::string& text) {
  auto good = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

Error token_refusal(const HttpResponse& reply, const std::string& source) {
  bool passing = reply.status >= 500 || reply.status == 429 || reply.status == 408;
  std::string message =
      source + ": the token service answers with status " + std::to_string(reply.status);
  auto json = parse_json(reply.body, "the reply");
  if (json.ok() && json->is_object() && json->contains("error")) {
    const Json& error = (*json)["error"];
    std::string name = get_string(*json, "error", get_string(error, "status"));
    std::string why = get_string(*json, "error_description", get_string(error, "message"));
    name = harmless(name);
    why = harmless(why);
    if (!name.empty()) message += " " + name;
    if (!why.empty()) message += " (" + why + ")";
  }
  return {passing ? Code::transient : Code::denied, message, ""};
}

Result<BearerToken> read_token_reply(const HttpResponse& reply, const std::string& source,
                                     int64_t wall_ms) {
  if (reply.status / 100 != 2) return token_refusal(reply, source);
  auto json = parse_json(reply.body, source);
  std::string token = json.ok() ? get_string(*json, "access_token") : "";
  // What was answered may hold a secret all the same.
  if (!is_token_text(token))
    return Error{Code::permanent, source + ": the token service answered without a token", ""};
  int64_t seconds = get_int(*json, "expires_in", 0);
  // Azure's metadata service writes numbers as text.
  if (auto text = parse_decimal(get_string(*json, "expires_in")))
    seconds = static_cast<int64_t>(std::min<uint64_t>(*text, kLongestS));
  // Its service identities tell the end alone, in seconds since 1970.
  if (auto end = parse_decimal(get_string(*json, "expires_on")); end && seconds == 0)
    seconds = std::max<int64_t>(1, static_cast<int64_t>(*end) - wall_ms / 1000);
  int64_t lives_ms = seconds > 0 ? std::min(seconds, kLongestS) * 1000 : kUnstatedMs;
  return BearerToken{token, wall_ms + lives_ms, source};
}

}  // namespace baton
