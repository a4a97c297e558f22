#include "net/shown_url.h"

#include <algorithm>

#include "base/text.h"

namespace baton {

std::string shown_url(const std::string& url) {
  constexpr size_t kMost = 200;
  size_t end = std::min(url.find_first_of("?#"), url.size());
  size_t at = url.rfind('@');
  bool cut = end < url.size();
  std::string shown = url.substr(0, end);
  if (at != std::string::npos && at > end) {
    // Part of the query, or of a password that holds a '?'.
    size_t scheme = shown.find("://");
    shown = scheme == std::string::npos ? "" : shown.substr(0, scheme + 3);
  } else if (at != std::string::npos) {
    shown = "…" + shown.substr(at);
  }
  cut = cut || shown.size() > kMost;
  return printable(shown.substr(0, kMost)) + (cut ? "…" : "");
}

}  // namespace baton
