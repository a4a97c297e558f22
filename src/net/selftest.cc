#include "net/selftest.h"

#include <cstdio>

#include "base/json.h"
#include "net/resolver.h"

namespace baton {
namespace {

constexpr int64_t kTimeoutMs = 20'000;

Result<Json> fetch(const std::string& url) {
  BATON_ASSIGN(Url parts, parse_url(url));
  Json out;
  out["host"] = parts.host;
  BATON_ASSIGN(out["addresses"],
               resolve(parts.host, ResolverOptions(), Deadline::in_ms(kTimeoutMs), nullptr));
  HttpRequest request;
  request.url = url;
  request.timeout_ms = kTimeoutMs;
  BATON_ASSIGN(HttpResponse reply, make_http_client()->send(request));
  out["status"] = reply.status;
  out["headers"] = reply.headers.size();
  out["body_bytes"] = reply.body.size();
  return out;
}

}  // namespace

int run_selftest_net(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: baton selftest-net URL\n", stderr);
    return 2;
  }
  auto result = fetch(argv[1]);
  Json out = result.ok() ? *result
                         : Json{{"error", result.error().message},
                                {"code", code_name(result.error().code)}};
  std::puts(dump_json(out).c_str());
  return result.ok() ? 0 : 1;
}

}  // namespace baton
