// Host names to addresses, without glibc's name service switch: that one loads shared libraries at
// run time, which a static binary in an image FROM scratch has not, and its calls can be neither
// bounded nor cancelled. Reads hosts(5) and resolv.conf(5), asks over UDP and, for long replies,
// TCP. Names known only to other services (mDNS, LDAP) are not found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/deadline.h"
#include "net/http.h"

namespace baton {

struct ResolverConfig {
  std::vector<std::string> servers;  // at most 3, numeric; 127.0.0.1 where the file names none
  std::vector<std::string> search;   // at most 16
  int ndots = 1;
  int64_t timeout_ms = 5'000;  // for one server's answer
  int attempts = 2;            // rounds through the servers
};
// Total: lines that make no sense are skipped, numbers are clamped as resolv.conf(5) says.
ResolverConfig parse_resolv_conf(std::string_view text);

// The addresses that hosts(5) text gives for a name, in its order.
std::vector<std::string> find_in_hosts(std::string_view text, const std::string& name);

// The names to ask for, in order, by the search list and ndots.
std::vector<std::string> names_to_ask(const std::string& host, const ResolverConfig& config);

// Numeric addresses of `host`, IPv4 before IPv6, at least one. A numeric host is returned as it is;
// localhost is loopback everywhere (RFC 6761). Errors: not_found (the name does not exist),
// transient (no server answered in time), invalid (not a host name), cancelled.
Result<std::vector<std::string>> resolve(const std::string& host, const ResolverOptions& options,
                                         const Deadline& deadline, const Cancel* cancel);

}  // namespace baton
