#include "store/bucket_reply.h"

#include <strings.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "net/http_date.h"

namespace baton {
namespace {

constexpr int64_t kMostSkewMs = 240'000;  // S3 and Azure take 15 minutes, some services 5
constexpr size_t kMostTold = 300, kMostName = 100;
constexpr std::string_view kUnit = "bytes ";

}  // namespace

std::string range_header(const BucketRange& range) {
  return "bytes=" + std::to_string(range.offset) + "-" +
         std::to_string(range.offset + range.size - 1);
}

bool is_range(const HttpResponse& reply, const std::optional<BucketRange>& asked) {
  const std::string told = reply.header("Content-Range");
  const size_t dash = told.find('-'), slash = told.find('/');
  const bool well_formed = strncasecmp(told.data(), kUnit.data(), kUnit.size()) == 0 &&
                           dash < slash && slash != std::string::npos;
  if (!asked || !well_formed) return false;
  auto begin = parse_decimal(told.substr(kUnit.size(), dash - kUnit.size()));
  auto last = parse_decimal(told.substr(dash + 1, slash - dash - 1));
  const uint64_t total = parse_decimal(told.substr(slash + 1)).value_or(UINT64_MAX);  // or "*"
  // Azurite 3 gives an empty range, "bytes 10-9/10", where others answer with 416.
  return begin && last && *begin == asked->offset && *begin <= total &&
         *last == std::min(asked->offset + asked->size, total) - 1;
}

Result<uint64_t> told_size(const HttpResponse& reply, const std::optional<BucketRange>& range,
                           const std::string& name, const std::string& doing) {
  std::string total = reply.header("Content-Range");
  if (reply.status == 206) {
    if (!is_range(reply, range))
      return Error{Code::transient, name + ": " + doing + " gave another range than asked for", ""};
    total.erase(0, total.find('/') + 1);
  } else {
    if (range && range->offset > 0)
      return Error{Code::unsupported, name + " does not honour ranges", ""};
    total = reply.header("Content-Length");
    // Sent without one when the service unpacks or streams it.
    if (total.empty()) total = reply.header("x-goog-stored-content-length");
  }
  auto size = parse_decimal(total);
  if (size) return *size;
  return Error{Code::transient, name + ": " + doing + ": the reply does not tell the object's size",
               ""};
}

Code code_of_status(int status) {
  if (status == 404) return Code::not_found;
  if (status == 412 || status == 304) return Code::exists;
  if (status == 401 || status == 403) return Code::denied;
  if (status == 408 || status == 409 || status == 425 || status == 429) return Code::transient;
  if (status == 501) return Code::unsupported;
  if (status == 507) return Code::no_space;
  return status >= 500 ? Code::transient : Code::permanent;
}

std::string refusal_text(const std::string& doing, Code code, int status, const std::string& told,
                         const std::string& name) {
  const std::string named = printable(name.substr(0, kMostName));
  std::string text = doing + ": ";
  if (code == Code::not_found)
    text += "there is no such object";
  else if (code == Code::exists)
    text += "there is one already";
  else if (!told.empty())
    text += printable(told.substr(0, kMostTold)) + (named.empty() ? "" : " (" + named + ")");
  else
    text += "the service answers with status " + std::to_string(status) +
            (named.empty() ? "" : " " + named);
  while (ends_with(text, ".")) text.pop_back();
  return text;
}

void add_condition(Headers& headers, const Write& mode) {
  if (mode == Write::if_absent) headers.emplace_back("If-None-Match", "*");
  if (!mode.version().empty()) headers.emplace_back("If-Match", mode.version());
}

std::string quoted_etag(const std::string& etag) {
  return etag.empty() || etag.front() == '"' ? etag : "\"" + etag + "\"";
}

void sort_by_key(BucketPage& page) {
  std::sort(page.objects.begin(), page.objects.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
}

void Hold::note(const HttpResponse& reply) {
  int64_t wait = retry_after_ms(reply, clock_.wall_ms());
  if (wait > 0) until_ = clock_.mono_ms() + wait;
}

int64_t Hold::left_ms() const { return std::max<int64_t>(0, until_.load() - clock_.mono_ms()); }

bool ServerClock::correct(const HttpResponse& reply, int64_t dated) {
  auto date = parse_http_date(reply.header("Date"));
  if (!date || std::abs(*date - dated) < kMostSkewMs) return false;
  offset_ = *date - clock_.wall_ms();
  return true;
}

}  // namespace baton
