#include "net/dns_query.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "net/dns_message.h"
#include "os/fd.h"

namespace baton {
namespace {

// Once one family's addresses are there, the other's are not worth waiting long for: some servers
// drop AAAA queries.
constexpr int64_t kSecondFamilyMs = 150;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// "192.0.2.1", "2001:db8::1", "fe80::1%eth0".
std::optional<Address> numeric_address(const std::string& text, uint16_t port) {
  Address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  size_t percent = text.find('%');
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    if (percent != std::string::npos)
      v6->sin6_scope_id = if_nametoindex(text.c_str() + percent + 1);
    out.length = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return out;
}

uint16_t random_id() {
  uint16_t id = 0;
  // Without randomness (before the pool is initialised) the random source port still protects.
  [[maybe_unused]] ssize_t n = getrandom(&id, sizeof id, GRND_NONBLOCK);
  return id;
}

Fd connect_to(const Address& server, int type) {
  Fd fd(socket(server.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fd;
  int rc = connect(fd.get(), reinterpret_cast<const sockaddr*>(&server.storage), server.length);
  if (rc != 0 && errno != EINPROGRESS) fd.reset();
  return fd;
}

// One question to one server over TCP (RFC 1035, 4.2.2: two bytes of length before each message).
std::optional<std::string> ask_tcp(const Address& server, const std::string& query,
                                   const Deadline& deadline, const Cancel* cancel) {
  Fd fd = connect_to(server, SOCK_STREAM);
  if (!fd.valid()) return std::nullopt;
  std::string out{static_cast<char>(query.size() >> 8), static_cast<char>(query.size() & 0xff)};
  out += query;
  while (!out.empty()) {
    if (wait_fd(fd.get(), POLLOUT, deadline, cancel) != Wait::ready) return std::nullopt;
    ssize_t n = send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return std::nullopt;
    if (n > 0) out.erase(0, static_cast<size_t>(n));
  }
  std::string in;
  while (true) {
    auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(in[i])); };
    if (in.size() >= 2 && in.size() - 2 >= (byte(0) << 8 | byte(1))) return in.substr(2);
    if (wait_fd(fd.get(), POLLIN, deadline, cancel) != Wait::ready) return std::nullopt;
    char buffer[4096];
    ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return std::nullopt;
    if (n > 0) in.append(buffer, static_cast<size_t>(n));
  }
}

// The two questions about one name, put to one server.
class Exchange {
 public:
  Exchange(const std::string& name, const Address& server) : name_(name), server_(server) {}

  // Both answers, or none in time. Error: Code::invalid where the name cannot be asked for.
  Status run(const Deadline& deadline, const Cancel* cancel) {
    uint16_t id = random_id();
    const DnsType types[] = {DnsType::a, DnsType::aaaa};
    Fd fd = connect_to(server_, SOCK_DGRAM);
    for (size_t i = 0; i < 2; ++i) {
      ids_[i] = static_cast<uint16_t>(id + i);
      BATON_ASSIGN(queries_[i], make_dns_query(ids_[i], name_, types[i]));
      if (!fd.valid() || send(fd.get(), queries_[i].data(), queries_[i].size(), MSG_NOSIGNAL) < 0)
        return {};
    }
    collect(fd.get(), deadline, cancel);
    for (size_t i = 0; i < 2; ++i)
      if (replies_[i] && replies_[i]->truncated) retry_over_tcp(i, deadline, cancel);
    return {};
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const auto& reply : replies_)
      if (reply) all.insert(all.end(), reply->addresses.begin(), reply->addresses.end());
    return all;
  }

  // The server knows the name not to exist, or to have neither kind of address.
  bool says_no() const {
    auto says = [](const std::optional<DnsReply>& r, int rcode) { return r && r->rcode == rcode; };
    return says(replies_[0], 3) || says(replies_[1], 3) ||
           (says(replies_[0], 0) && says(replies_[1], 0));
  }

 private:
  void collect(int fd, Deadline deadline, const Cancel* cancel) {
    while (!(replies_[0] && replies_[1])) {
      if (wait_fd(fd, POLLIN, deadline, cancel) != Wait::ready) return;
      char buffer[4096];
      ssize_t n = recv(fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return;  // refused: nothing listens there
      if (n > 0) accept(std::string_view(buffer, static_cast<size_t>(n)));
      if (!addresses().empty()) deadline = deadline.sooner(kSecondFamilyMs);
    }
  }

  // Anything that is no answer to one of the two questions is not even looked at twice: it may be
  // forged.
  void accept(std::string_view message) {
    auto reply = parse_dns_reply(message, name_);
    if (!reply.ok()) return;
    size_t i = reply->type == DnsType::a ? 0 : 1;
    if (reply->id == ids_[i] && !replies_[i]) replies_[i] = std::move(reply).value();
  }

  void retry_over_tcp(size_t i, const Deadline& deadline, const Cancel* cancel) {
    auto message = ask_tcp(server_, queries_[i], deadline, cancel);
    DnsReply short_one = std::move(*replies_[i]);
    replies_[i].reset();
    if (message) accept(*message);
    // What fitted into the datagram is better than nothing.
    if (!replies_[i] && !short_one.addresses.empty()) replies_[i] = std::move(short_one);
  }

  std::string name_;
  Address server_;
  std::array<uint16_t, 2> ids_{};
  std::array<std::string, 2> queries_;
  std::array<std::optional<DnsReply>, 2> replies_;
};

}  // namespace

Result<std::vector<std::string>> query_servers(const std::string& name,
                                               const ResolverConfig& config, uint16_t port,
                                               const Deadline& deadline, const Cancel* cancel) {
  const Error none{Code::not_found, "there is no host named " + printable(name),
                   "check the name's spelling"};
  auto tries_left = static_cast<int64_t>(config.servers.size()) * config.attempts;
  for (int round = 0; round < config.attempts; ++round) {
    for (const std::string& server : config.servers) {
      int64_t share = deadline.left_ms() / std::max<int64_t>(1, tries_left--);
      auto address = numeric_address(server, port);
      if (!address) continue;
      Exchange exchange(name, *address);
      BATON_TRY(exchange.run(deadline.sooner(std::min(share, config.timeout_ms)), cancel));
      if (cancel && cancel->is_set())
        return wait_error(Wait::cancelled, "the look-up of " + printable(name));
      std::vector<std::string> found = exchange.addresses();
      if (!found.empty()) return found;
      if (exchange.says_no()) return none;
    }
  }
  return Error{Code::transient, "no name server answered for " + printable(name),
               "check the machine's network and its /etc/resolv.conf"};
}

}  // namespace baton
