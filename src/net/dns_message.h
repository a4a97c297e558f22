// DNS messages (RFC 1035, AAAA by RFC 3596): the little that looking up a host's addresses needs.
// Pure; replies are hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baton {

enum class DnsType : uint16_t { a = 1, aaaa = 28 };

// A recursive query. `name` without or with a final dot. Error: Code::invalid for a name that
// cannot stand in a query (a label empty or over 63 bytes, over 253 bytes together).
Result<std::string> make_dns_query(uint16_t id, const std::string& name, DnsType type);

struct DnsReply {
  uint16_t id = 0;
  DnsType type = DnsType::a;           // of the question
  bool truncated = false;              // ask again over TCP
  int rcode = 0;                       // 0 fine, 2 server failure, 3 no such name, 5 refused
  std::vector<std::string> addresses;  // numeric, of the question's type, at any owner name (CNAMEs
                                       // resolved by the server)
};

// Reads a reply to make_dns_query(…, name, …). Error: Code::corrupt for anything malformed, for a
// message that is no reply and for one that answers another question.
Result<DnsReply> parse_dns_reply(std::string_view message, const std::string& name);

}  // namespace baton
