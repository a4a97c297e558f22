#include "net/dns_message.h"

#include <arpa/inet.h>
#include <strings.h>

#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kHeader = 12;
constexpr size_t kMaxAddresses = 32;

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

// Reads a message from the front; every read beyond the end sets `bad` and gives 0.
struct Reader {
  std::string_view message;
  size_t at = 0;
  bool bad = false;

  unsigned byte() {
    if (at >= message.size()) return bad = true, 0;
    return static_cast<unsigned char>(message[at++]);
  }
  unsigned word() {
    unsigned high = byte();
    return high << 8 | byte();
  }
  std::string_view bytes(size_t n) {
    if (bad || n > message.size() - at) return bad = true, std::string_view();
    at += n;
    return message.substr(at - n, n);
  }
  void skip_name() {
    while (!bad) {
      unsigned length = byte();
      if ((length & 0xc0) == 0xc0) {
        byte();
        return;
      }
      if (length == 0) return;
      if (length > 63) bad = true;
      bytes(length);
    }
  }
  // The question's name comes first in a message, so that it cannot be compressed.
  std::string plain_name() {
    std::string name;
    while (!bad) {
      unsigned length = byte();
      if (length == 0) break;
      if (length > 63) bad = true;
      if (!name.empty()) name += '.';
      name += bytes(length);
    }
    return name;
  }
};

std::string address_text(DnsType type, std::string_view data) {
  char text[INET6_ADDRSTRLEN] = "";
  bool fits = data.size() == (type == DnsType::a ? 4U : 16U);
  if (!fits || !inet_ntop(type == DnsType::a ? AF_INET : AF_INET6, data.data(), text, sizeof text))
    return "";
  return text;
}

void read_answer(Reader& reader, DnsReply& reply) {
  reader.skip_name();
  unsigned type = reader.word();
  unsigned record_class = reader.word();
  reader.bytes(4);  // time to live
  std::string_view data = reader.bytes(reader.word());
  if (reader.bad || record_class != 1 || type != static_cast<unsigned>(reply.type)) return;
  std::string address = address_text(reply.type, data);
  if (!address.empty() && reply.addresses.size() < kMaxAddresses)
    reply.addresses.push_back(address);
}

}  // namespace

Result<std::string> make_dns_query(uint16_t id, const std::string& name, DnsType type) {
  std::string_view bare = name;
  if (ends_with(bare, ".")) bare.remove_suffix(1);
  std::string out;
  put16(out, id);
  put16(out, 0x0100);  // recursion desired
  put16(out, 1);       // one question
  out.append(6, '\0');
  for (const std::string& label : split(bare, '.')) {
    if (label.empty() || label.size() > 63 || bare.size() > 253)
      return Error{Code::invalid, "\"" + printable(name) + "\" is not a host name", ""};
    out += static_cast<char>(label.size());
    out += label;
  }
  out += '\0';
  put16(out, static_cast<unsigned>(type));
  put16(out, 1);  // class IN
  return out;
}

Result<DnsReply> parse_dns_reply(std::string_view message, const std::string& name) {
  const Error corrupt{
      Code::corrupt, "the reply for " + printable(name) + " from the name server is malformed", ""};
  if (message.size() < kHeader) return corrupt;
  Reader reader{message};
  DnsReply reply;
  reply.id = static_cast<uint16_t>(reader.word());
  unsigned flags = reader.word();
  unsigned questions = reader.word();
  unsigned answers = reader.word();
  reader.bytes(4);  // counts of authority and additional records, which are not read
  reply.truncated = (flags & 0x0200) != 0;
  reply.rcode = static_cast<int>(flags & 0xf);
  std::string asked = reader.plain_name();
  unsigned type = reader.word();
  unsigned asked_class = reader.word();
  std::string_view bare = name;
  if (ends_with(bare, ".")) bare.remove_suffix(1);
  bool known_type =
      type == static_cast<unsigned>(DnsType::a) || type == static_cast<unsigned>(DnsType::aaaa);
  bool ours =
      asked.size() == bare.size() && strncasecmp(asked.data(), bare.data(), bare.size()) == 0;
  if (reader.bad || (flags & 0x8000) == 0 || questions != 1 || !ours || !known_type ||
      asked_class != 1)
    return corrupt;
  reply.type = static_cast<DnsType>(type);
  for (unsigned i = 0; i < answers && !reader.bad; ++i) read_answer(reader, reply);
  // A truncated message ends anywhere; it is asked for again anyway.
  if (reader.bad && !reply.truncated) return corrupt;
  return reply;
}

}  // namespace baton
