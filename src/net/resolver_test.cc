#include "net/resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <mutex>
#include <thread>

#include "net/dns_message.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr unsigned kAType = 1;
constexpr unsigned kCnameType = 5;
constexpr unsigned kAaaaType = 28;

struct Question {
  std::string id, name, raw;  // raw: name, type and class as asked
  unsigned type = 0;
  bool tcp = false;
};

std::string two(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string record(unsigned type, const std::string& data, const std::string& owner = "\xc0\x0c") {
  return owner + two(type) + two(1) + std::string(4, '\0') +
         two(static_cast<unsigned>(data.size())) + data;
}

std::string reply(const Question& q, unsigned answers, const std::string& records,
                  unsigned flags = 0x8180) {
  return q.id + two(flags) + two(1) + two(answers) + two(0) + two(0) + q.raw + records;
}

const std::string kV4{'\x7f', 0, 0, 5};
const std::string kV6 = std::string(15, '\0') + '\x05';

std::string usual(const Question& q) {
  return q.type == kAType ? reply(q, 1, record(kAType, kV4)) : reply(q, 1, record(kAaaaType, kV6));
}

// A name server on 127.0.0.1 that answers by script; "" is silence.
class NameServer {
 public:
  using Script = std::function<std::string(const Question&)>;
  explicit NameServer(Script script) : script_(std::move(script)) {
    for (int tries = 0; tries < 20 && !bind_both(); ++tries) {
    }
    EXPECT_EQ(listen(tcp_.get(), 8), 0);
    udp_thread_ = std::thread([this] { serve_udp(); });
    tcp_thread_ = std::thread([this] { serve_tcp(); });
  }
  ~NameServer() {
    stop_.set();
    udp_thread_.join();
    tcp_thread_.join();
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  uint16_t port() const { return port_; }
  std::vector<std::string> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  // The same port for both protocols: the system picks it for one, and it may be taken for the
  // other.
  bool bind_both() {
    udp_.reset(socket(AF_INET, SOCK_DGRAM, 0));
    tcp_.reset(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(udp_.get(), generic, length), 0);
    EXPECT_EQ(getsockname(udp_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
    int on = 1;
    setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(tcp_.get(), generic, length) == 0;
  }

  bool wait(int fd) const {
    return wait_fd(fd, POLLIN, Deadline::in_ms(60'000), &stop_) == Wait::ready;
  }

  std::string answer(const std::string& query, bool tcp) {
    Question q;
    q.tcp = tcp;
    q.id = query.substr(0, 2);
    size_t at = 12;
    while (query[at] != 0) {
      auto n = static_cast<size_t>(query[at]);
      q.name += (q.name.empty() ? "" : ".") + query.substr(at + 1, n);
      at += n + 1;
    }
    q.raw = query.substr(12, at + 5 - 12);
    q.type = static_cast<unsigned char>(query[at + 2]);
    std::lock_guard lock(mutex_);
    if (q.type == kAType && !tcp) asked_.push_back(q.name);
    return script_(q);
  }
  void serve_udp() {
    while (wait(udp_.get())) {
      char buffer[1024];
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      auto* generic = reinterpret_cast<sockaddr*>(&peer);
      ssize_t n = recvfrom(udp_.get(), buffer, sizeof buffer, 0, generic, &length);
      if (n < 12) continue;
      std::string out = answer(std::string(buffer, static_cast<size_t>(n)), false);
      if (!out.empty()) sendto(udp_.get(), out.data(), out.size(), 0, generic, length);
    }
  }
  void serve_tcp() {
    while (wait(tcp_.get())) {
      Fd fd(accept(tcp_.get(), nullptr, nullptr));
      char buffer[1024];
      ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
      if (n < 14) continue;
      std::string out = answer(std::string(buffer + 2, static_cast<size_t>(n) - 2), true);
      out = two(static_cast<unsigned>(out.size())) + out;
      send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    }
  }

  Script script_;
  uint16_t port_ = 0;
  Fd udp_, tcp_;
  Cancel stop_;
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
  std::thread udp_thread_, tcp_thread_;
};

class Resolver : public ::testing::Test {
 protected:
  Result<std::vector<std::string>> ask(NameServer& server, const std::string& host,
                                       int64_t ms = 30'000, const Cancel* cancel = nullptr) {
    ResolverOptions options;
    options.hosts_file = write("hosts", hosts_);
    options.resolv_conf = write("resolv.conf", resolv_conf_);
    options.dns_port = server.port();
    return resolve(host, options, Deadline::in_ms(ms), cancel);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::string path = dir_->path() + "/" + name;
    EXPECT_TRUE(replace_file(path, text, false).ok());
    return path;
  }
  Result<TempDir> dir_ = TempDir::create("resolver");
  std::string hosts_ = "# nothing\n";
  std::string resolv_conf_ = "nameserver 127.0.0.1\n";
};

using Addresses = std::vector<std::string>;

TEST_F(Resolver, AsksForBothFamilies) {
  NameServer server(usual);
  auto found = ask(server, "bucket.example.org");
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(*found, (Addresses{"127.0.0.5", "::5"}));
}

TEST_F(Resolver, FollowsTheServersCname) {
  NameServer server([](const Question& q) {
    std::string alias = record(kCnameType, std::string("\1x\0", 3));
    if (q.type != kAType) return reply(q, 1, alias);
    return reply(q, 2, alias + record(kAType, kV4, std::string("\1x\0", 3)));
  });
  EXPECT_EQ(*ask(server, "a.b"), Addresses{"127.0.0.5"});
}

TEST_F(Resolver, AServerThatDropsQuestionsForIpv6IsGoodEnough) {
  NameServer server([](const Question& q) { return q.type == kAType ? usual(q) : ""; });
  EXPECT_EQ(*ask(server, "a.b"), Addresses{"127.0.0.5"});
}

TEST_F(Resolver, TheServersNoIsNotFound) {
  NameServer server([](const Question& q) { return reply(q, 0, "", 0x8183); });
  EXPECT_TRUE(ask(server, "a.b").is(Code::not_found));
}

TEST_F(Resolver, SilenceIsTransientAndEnds) {
  NameServer server([](const Question&) { return ""; });
  EXPECT_TRUE(ask(server, "a.b", 50).is(Code::transient));
}

TEST_F(Resolver, CancelEndsTheWait) {
  NameServer server([](const Question&) { return ""; });
  Cancel cancel;
  std::thread canceller([&] {
    while (server.asked().empty()) std::this_thread::yield();
    cancel.set();
  });
  EXPECT_TRUE(ask(server, "a.b", 60'000, &cancel).is(Code::cancelled));
  canceller.join();
}

TEST_F(Resolver, GoesToTheNextServer) {
  NameServer server(usual);
  resolv_conf_ = "nameserver 127.0.0.77\nnameserver nonsense\nnameserver 127.0.0.1\n";
  EXPECT_TRUE(ask(server, "a.b").ok());
}

TEST_F(Resolver, AsksAgainAfterAServersFailure) {
  int asked = 0;
  NameServer server(
      [&](const Question& q) { return ++asked <= 2 ? reply(q, 0, "", 0x8182) : usual(q); });
  EXPECT_TRUE(ask(server, "a.b").ok());
}

TEST_F(Resolver, ATruncatedReplyIsAskedForOverTcp) {
  NameServer server([](const Question& q) { return q.tcp ? usual(q) : reply(q, 0, "", 0x8380); });
  EXPECT_EQ(*ask(server, "a.b"), (Addresses{"127.0.0.5", "::5"}));
}

TEST_F(Resolver, IgnoresRepliesToOtherQuestions) {
  NameServer server([](Question q) {
    q.id[0] = static_cast<char>(q.id[0] ^ 1);
    return usual(q);
  });
  EXPECT_TRUE(ask(server, "a.b", 100).is(Code::transient));
}

TEST_F(Resolver, IgnoresGarbage) {
  NameServer server([](const Question&) { return std::string(200, '\xff'); });
  EXPECT_TRUE(ask(server, "a.b", 100).is(Code::transient));
}

TEST_F(Resolver, SearchesDomains) {
  NameServer server([](const Question& q) {
    return q.name == "db.two.test" ? usual(q) : reply(q, 0, "", 0x8183);
  });
  resolv_conf_ = "search one.test two.test\nnameserver 127.0.0.1\noptions ndots:1\n";
  EXPECT_TRUE(ask(server, "db").ok());
  EXPECT_EQ(server.asked(), (Addresses{"db.one.test", "db.two.test"}));
}

TEST_F(Resolver, HostsFileComesFirst) {
  NameServer server([](const Question&) { return ""; });
  hosts_ = "127.0.0.9\tOther a.B # c\nnonsense a.b\n::9 a.b\n";
  EXPECT_EQ(*ask(server, "A.b"), (Addresses{"127.0.0.9", "::9"}));
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(Resolver, NumbersAndLocalhostNeedNobody) {
  NameServer server([](const Question&) { return ""; });
  EXPECT_EQ(*ask(server, "192.0.2.1"), Addresses{"192.0.2.1"});
  EXPECT_EQ(*ask(server, "2001:db8::1"), Addresses{"2001:db8::1"});
  EXPECT_EQ(*ask(server, "localhost"), (Addresses{"127.0.0.1", "::1"}));
  EXPECT_EQ(*ask(server, "x.localhost."), (Addresses{"127.0.0.1", "::1"}));
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(Resolver, RefusesWhatIsNoName) {
  NameServer server(usual);
  EXPECT_TRUE(ask(server, "a..b").is(Code::invalid));
  EXPECT_TRUE(ask(server, std::string(64, 'x') + ".b").is(Code::invalid));
}

TEST(ResolvConf, IsReadAsTheManualSays) {
  auto config = parse_resolv_conf(
      "; comment\n#x\nnameserver 10.0.0.1\n nameserver\tfe80::1%eth0 \nnameserver 3\nnameserver 4\n"
      "domain a.test\nsearch b.test c.test # d.test\noptions ndots:5 timeout:2 attempts:9 rotate "
      "ndots:x junk\nbogus\n");
  EXPECT_EQ(config.servers, (Addresses{"10.0.0.1", "fe80::1%eth0", "3"}));
  EXPECT_EQ(config.search, (Addresses{"b.test", "c.test"}));
  EXPECT_EQ(config.ndots, 5);
  EXPECT_EQ(config.timeout_ms, 2000);
  EXPECT_EQ(config.attempts, 5);
  EXPECT_EQ(parse_resolv_conf("").servers, Addresses{"127.0.0.1"});
}

TEST(ResolvConf, OrdersNamesByDots) {
  ResolverConfig config;
  config.search = {"s.test"};
  config.ndots = 2;
  EXPECT_EQ(names_to_ask("a.b", config), (Addresses{"a.b.s.test", "a.b"}));
  EXPECT_EQ(names_to_ask("a.b.c", config), (Addresses{"a.b.c", "a.b.c.s.test"}));
  EXPECT_EQ(names_to_ask("a.", config), Addresses{"a."});
}

TEST(DnsMessage, EveryTruncationIsRefused) {
  Question q{"\1\2", "a.b", std::string("\1a\1b\0\0\1\0\1", 9), kAType, false};
  std::string whole = reply(q, 2, record(kAType, kV4) + record(kAType, kV4));
  ASSERT_EQ(parse_dns_reply(whole, "a.b")->addresses.size(), 2u);
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(parse_dns_reply(whole.substr(0, n), "a.b").ok()) << n;
  EXPECT_FALSE(parse_dns_reply(whole, "a.c").ok());
}

}  // namespace
}  // namespace baton
