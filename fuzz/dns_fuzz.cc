// Replies of name servers, and the files that say where those are.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/dns_message.h"
#include "net/resolver.h"

using namespace baton;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  if (auto reply = parse_dns_reply(text, "a.b"); reply.ok())
    for (const std::string& address : reply->addresses)
      if (address.empty() || address.size() > 45) std::abort();
  ResolverConfig config = parse_resolv_conf(text);
  if (config.servers.empty() || config.servers.size() > 3 || config.search.size() > 16 ||
      config.attempts < 1)
    std::abort();
  find_in_hosts(text, "a.b");
  if (names_to_ask(text, config).empty()) std::abort();
  (void)make_dns_query(1, text, DnsType::a);
  return 0;
}
