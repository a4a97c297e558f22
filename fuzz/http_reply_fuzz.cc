// Replies of HTTP servers, in pieces: the first byte says how long a piece is. The pieces must not
// matter.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/reply_parser.h"

using namespace baton;

namespace {

struct Outcome {
  bool done = false, bad = false;
  std::string body;
};

Outcome read(std::string_view bytes, size_t piece) {
  Outcome out;
  ReplyParser parser(true, [&](std::string_view part) {
    out.body += part;
    return Status();
  });
  std::string pending;
  for (size_t at = 0; at < bytes.size() && !parser.done(); at += piece) {
    pending += bytes.substr(at, piece);
    for (size_t used = 1; used > 0 && !pending.empty() && !parser.done();) {
      auto n = parser.put(pending);
      if (!n.ok()) return out.bad = true, out;
      used = *n;
      if (used > pending.size()) std::abort();
      pending.erase(0, used);
    }
  }
  out.done = parser.done() || parser.end().ok();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = read(bytes, bytes.size());
  Outcome pieces = read(bytes, std::max<size_t>(1, data[0]));
  if (whole.done != pieces.done || (whole.done && whole.body != pieces.body)) std::abort();
  return 0;
}
