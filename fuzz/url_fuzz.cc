// URLs and proxies from users and servers. What is accepted is safe to put into a request line and
// stays the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http.h"
#include "net/proxy.h"

using namespace baton;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto url = parse_url(text);
  if (url.ok()) {
    auto safe = [](char c) { return c > ' ' && c < 0x7f; };
    bool good = !url->host.empty() && url->target[0] == '/' &&
                std::all_of(url->target.begin(), url->target.end(), safe) &&
                std::all_of(url->host.begin(), url->host.end(), safe);
    bool six = url->host.find(':') != std::string::npos;
    std::string whole = url->scheme + "://" + (six ? "[" + url->host + "]" : url->host) + ":" +
                        url->port + url->target;
    auto again = parse_url(whole);
    if (!good || !again.ok() || again->host != url->host || again->port != url->port ||
        again->target != url->target)
      std::abort();
  }
  Url target{"http", "bucket.example.org", "80", "/"};
  (void)choose_proxy({text, text, ""}, target);
  auto exempted = choose_proxy({"http://p:1", "", text}, target);
  if (!exempted.ok()) std::abort();
  return 0;
}
