// Asks name servers for a host's addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/resolver.h"

namespace baton {

// IPv4 and IPv6 addresses of exactly `name`, from the first of the servers that answers; A and AAAA
// are asked for at once. Errors: not_found (the server says so, or has no address), transient,
// invalid, cancelled.
Result<std::vector<std::string>> query_servers(const std::string& name,
                                               const ResolverConfig& config, uint16_t port,
                                               const Deadline& deadline, const Cancel* cancel);

}  // namespace baton
