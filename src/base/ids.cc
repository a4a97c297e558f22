#include "base/ids.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cctype>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace baton {
namespace {

constexpr std::string_view kBase32 = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::string random_base32(int count) {
  std::vector<unsigned char> bytes(static_cast<size_t>(count));
  size_t have = 0;
  while (have < bytes.size()) {
    ssize_t n = getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (n < 0)
      std::abort();  // only EINTR before the pool is ready could be; without randomness nothing is
                     // safe
    have += static_cast<size_t>(n);
  }
  std::string text;
  for (unsigned char byte : bytes) text += kBase32[byte & 31];
  return text;
}

std::string new_nonce() { return random_base32(26); }

std::string new_job_id(int64_t unix_ms) {
  time_t t = static_cast<time_t>(unix_ms / 1000);
  tm utc{};
  gmtime_r(&t, &utc);
  // The alphabet ascends in ASCII too, so that two characters of milliseconds sort as numbers do.
  auto ms = static_cast<size_t>(unix_ms % 1000);
  return fmt::format("{:02}{:02}{:02}-{:02}{:02}{:02}-{}{}{}", utc.tm_year % 100, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, kBase32[ms / 32],
                     kBase32[ms % 32], random_base32(4));
}

bool is_job_id(std::string_view text) {
  if (text.size() != 20 || text[6] != '-' || text[13] != '-') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 6 || i == 13) continue;
    bool good = i < 13 ? std::isdigit(static_cast<unsigned char>(text[i])) != 0
                       : kBase32.find(text[i]) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

}  // namespace baton
