#include "model/spec_rules.h"

#include <algorithm>

#include "base/text.h"

namespace baton {
namespace {

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return lower(c) || upper(c); }
bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// Whether the first character passes `first`, all others `rest`, and the length is in [1, most].
template <class First, class Rest>
bool shaped(std::string_view text, size_t most, First first, Rest rest) {
  return !text.empty() && text.size() <= most && first(text[0]) &&
         std::all_of(text.begin() + 1, text.end(), rest);
}

}  // namespace

bool is_job_name(std::string_view text) {
  return shaped(
      text, 63, [](char c) { return lower(c) || digit(c); },
      [](char c) { return lower(c) || digit(c) || one_of(c, "._-"); });
}

std::string near_job_name(std::string_view text) {
  std::string name;
  for (char c : text.substr(0, 63)) {
    char low = upper(c) ? static_cast<char>(c + 32) : c;
    if (lower(low) || digit(low) || (!name.empty() && one_of(c, "._")))
      name += low;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() || name == "latest" ? "my-job" : name;
}

bool is_env_name(std::string_view text) {
  return shaped(
      text, 255, [](char c) { return letter(c) || c == '_'; },
      [](char c) { return letter(c) || digit(c) || c == '_'; });
}

bool is_param_name(std::string_view text) {
  return shaped(
      text, 64, [](char c) { return letter(c) || c == '_'; },
      [](char c) { return letter(c) || digit(c) || one_of(c, "_.-"); });
}

bool is_debian_suite(std::string_view text) {
  return shaped(text, 63, lower, [](char c) { return lower(c) || digit(c) || c == '-'; });
}

bool is_debian_package(std::string_view text) {
  size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  bool good_name =
      name.size() >= 2 && shaped(
                              name, 200, [](char c) { return lower(c) || digit(c); },
                              [](char c) { return lower(c) || digit(c) || one_of(c, "+.-"); });
  if (!good_name || equals == std::string_view::npos) return good_name;
  return shaped(text.substr(equals + 1), 200, digit,
                [](char c) { return letter(c) || digit(c) || one_of(c, ".+:~-"); });
}

bool is_cdi_device(std::string_view text) {
  size_t slash = text.find('/');
  size_t equals = text.find('=');
  if (slash == std::string_view::npos || equals == std::string_view::npos || slash > equals)
    return false;
  auto alnum = [](char c) { return letter(c) || digit(c); };
  auto word = [&](char c) { return alnum(c) || one_of(c, "_.-"); };
  return shaped(text.substr(0, slash), 255, letter, word) &&
         shaped(text.substr(slash + 1, equals - slash - 1), 255, letter, word) &&
         shaped(text.substr(equals + 1), 255, alnum, [&](char c) { return word(c) || c == ':'; });
}

bool is_url(std::string_view text) {
  size_t colon = text.find("://");
  return colon != std::string_view::npos && shaped(text.substr(0, colon), 32, letter, [](char c) {
           return letter(c) || digit(c) || one_of(c, "+.-");
         });
}

std::string url_scheme(std::string_view url) { return std::string(url.substr(0, url.find("://"))); }

bool is_bucket_scheme(std::string_view scheme) {
  return scheme == "s3" || scheme == "gs" || scheme == "az";
}

bool names_user(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  return rest.substr(0, rest.find_first_of("/?#")).find('@') != std::string_view::npos;
}

std::optional<std::string> secret_in_query(std::string_view url) {
  // Pre-signed addresses of S3, Google Cloud Storage and Azure, and the usual names of tokens.
  static const std::string_view kSecret[] = {
      "x-amz-signature", "x-goog-signature", "signature", "sig", "token",
      "access_token",    "api_key",          "apikey",    "key", "password"};
  size_t mark = url.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::string query(url.substr(mark + 1));
  std::replace(query.begin(), query.end(), '?', '&');  // an endpoint may have a query of its own
  for (const auto& item : split(query, '&')) {
    std::string name = item.substr(0, item.find('=')), low = name;
    std::transform(low.begin(), low.end(), low.begin(),
                   [](char c) { return upper(c) ? static_cast<char>(c + 32) : c; });
    if (std::find(std::begin(kSecret), std::end(kSecret), low) != std::end(kSecret)) return name;
  }
  return std::nullopt;
}

bool may_hold_secret(std::string_view url) {
  return names_user(url) || secret_in_query(url).has_value();
}

std::optional<std::string> signal_name(std::string_view text) {
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return lower(c) ? static_cast<char>(c - 32) : c; });
  if (starts_with(name, "SIG")) name = name.substr(3);
  static const std::string_view kCatchable[] = {"HUP",  "INT",  "QUIT",  "USR1", "USR2", "ALRM",
                                                "TERM", "CONT", "WINCH", "URG",  "XCPU"};
  if (std::find(std::begin(kCatchable), std::end(kCatchable), name) == std::end(kCatchable))
    return std::nullopt;
  return "SIG" + name;
}

std::optional<std::string> mount_path(std::string_view text) {
  while (text.size() > 1 && text.back() == '/') text.remove_suffix(1);
  if (text.size() < 2 || text.size() > 1024 || text[0] != '/') return std::nullopt;
  for (const auto& part : split(text.substr(1), '/'))
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return std::nullopt;
  return std::string(text);
}

bool lies_in(const std::string& inner, const std::string& outer) {
  return inner == outer || starts_with(inner, outer + "/");
}

std::optional<std::string> reserved_mount(const std::string& path) {
  // Data inside the code directory is useful; inside the others it would be captured in commits or
  // hide the system's.
  if (path == "/app") return path;
  for (const char* reserved : {"/baton", "/checkpoint", "/results", "/proc", "/sys", "/dev"})
    if (lies_in(path, reserved)) return reserved;
  return std::nullopt;
}

}  // namespace baton
