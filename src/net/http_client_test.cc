#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "net/http.h"
#include "net/test_server.h"
#include "os/fd.h"
#include "os/files.h"

namespace baton {
namespace {

TestScript always(TestReply reply) {
  return [reply](const TestRequest&) { return reply; };
}

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.use_proxy = false;
  return request;
}

// Sets an environment variable for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(HttpClient, AReplyThatStallsIsGivenUp) {
  for (const TestReply& reply :
       {TestReply{.hang = true}, TestReply{.body = "xyz", .drip = 1, .drip_ms = 60'000},
        TestReply{.status = 404, .body = std::string(1000, 'x'), .drip = 1, .drip_ms = 20}}) {
    TestServer server(always({.body = "good"}));
    auto client = make_http_client();
    HttpRequest request = get(server.url());
    request.stall_ms = 100;
    ASSERT_TRUE(client->send(request).ok());
    server.set_script(always(reply));
    EXPECT_TRUE(client->send(request).is(Code::transient)) << "on the connection that was kept";
    EXPECT_EQ(server.requests().size(), 2u) << "not asked again at once";
  }
}

TEST(HttpClient, AReplyThatComesSlowlyDoesNotStall) {
  TestServer server(always({.body = std::string(20 << 16, 'x'), .drip = 1 << 16, .drip_ms = 50}));
  HttpRequest request = get(server.url());
  request.stall_ms = 400;
  auto reply = make_http_client()->send(request);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body.size(), 20u << 16);
}

TEST(HttpClient, GetsStatusHeadersAndBody) {
  TestServer server(
      always({.status = 404, .body = "nothing here", .headers = {{"ETag", "\"1\""}}}));
  auto reply = make_http_client()->send(get(server.url() + "/a?b=c"));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->body, "nothing here");
  EXPECT_EQ(reply->header("etag"), "\"1\"");
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].target, "/a?b=c");
  EXPECT_EQ(server.requests()[0].header("Host"), "127.0.0.1:" + std::to_string(server.port()));
}

TEST(HttpClient, SendsMethodHeadersAndBody) {
  TestServer server(always({.status = 201}));
  HttpRequest request = get(server.url() + "/x");
  request.method = "PUT";
  request.headers = {{"X-Kind", "test"}};
  request.body = std::string(3'000'000, 'b');
  auto reply = make_http_client()->send(request);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  TestRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.header("x-kind"), "test");
  EXPECT_EQ(seen.body, request.body);
}

TEST(HttpClient, ABodyInThreePiecesOfAnySize) {
  TestServer server(always({.body = "ok"}));
  auto client = make_http_client();
  for (size_t head : {0, 10, 100'000})
    for (size_t middle : {0, 20, 200'000})
      for (size_t tail : {0, 30, 300'000}) {
        const std::string view(middle, 'm');
        HttpRequest request;
        request.method = "POST";
        request.url = server.url();
        request.body = std::string(head, 'h');
        request.body_view = view;
        request.body_tail = std::string(tail, 't');
        ASSERT_TRUE(client->send(request).ok());
        EXPECT_EQ(server.requests().back().body, request.body + view + request.body_tail);
      }
}

TEST(HttpClient, ReusesAConnection) {
  TestServer server(always({.body = "ok"}));
  auto client = make_http_client();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client->send(get(server.url())).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, OpensAnotherConnectionWhereTheKeptOneWasResetMeanwhile) {
  int asked = 0;
  TestServer server(
      [&](const TestRequest&) { return TestReply{.body = "ok", .reset = ++asked == 2}; });
  auto client = make_http_client();
  ASSERT_TRUE(client->send(get(server.url())).ok());
  auto second = client->send(get(server.url()));
  ASSERT_TRUE(second.ok()) << second.error().text();
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClient, DoesNotRepeatAPost) {
  int asked = 0;
  TestServer server(
      [&](const TestRequest&) { return TestReply{.body = "ok", .reset = ++asked == 2}; });
  auto client = make_http_client();
  ASSERT_TRUE(client->send(get(server.url())).ok());
  HttpRequest post = get(server.url());
  post.method = "POST";
  EXPECT_TRUE(client->send(post).is(Code::transient));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(HttpClient, ReadsAChunkedBody) {
  TestServer server(always({.body = "abcdef", .repeat = 1000, .chunked = true}));
  auto client = make_http_client();
  auto reply = client->send(get(server.url()));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body.size(), 6000u);
  ASSERT_TRUE(client->send(get(server.url())).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, AChunkWithoutEndIsNotKept) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* begin : {"5;", "0\r\nX: "}) {
    TestServer server(always({.raw = head + begin + std::string(4 << 20, 'x') + "\r\nhello\r\n"}));
    EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient)) << begin;
  }
}

TEST(HttpClient, ReadsABodyThatEndsWithTheConnection) {
  TestServer server(always({.body = "to the end", .until_close = true}));
  auto reply = make_http_client()->send(get(server.url()));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "to the end");
}

TEST(HttpClient, ReadsAReplyThatComesByteByByte) {
  TestServer server(always({.body = "slow but whole", .drip = 1, .chunked = true}));
  auto reply = make_http_client()->send(get(server.url()));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "slow but whole");
}

TEST(HttpClient, ReadsAnEmptyChunkedBodyThatComesByteByByte) {
  TestServer server(always({.drip = 1, .chunked = true}));
  auto client = make_http_client();
  for (int i = 0; i < 2; ++i) {
    auto reply = client->send(get(server.url()));
    ASSERT_TRUE(reply.ok()) << reply.error().text();
    EXPECT_EQ(reply->body, "");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, SkipsInterimReplies) {
  TestServer server(always(
      {.raw = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}));
  auto reply = make_http_client()->send(get(server.url()));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "ok");
}

TEST(HttpClient, AReplyToHeadHasNoBody) {
  TestServer server(always({.body = "12345"}));
  HttpRequest head = get(server.url());
  head.method = "HEAD";
  auto reply = make_http_client()->send(head);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->header("Content-Length"), "5");
  EXPECT_EQ(reply->body, "");
}

TEST(HttpClient, NoticesATruncatedBody) {
  TestServer server(always({.body = "0123456789", .cut_after = 4}));
  EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient));
  server.set_script(always({.body = "0123456789", .chunked = true, .cut_after = 4}));
  EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient));
}

TEST(HttpClient, NoticesATooLongContentLength) {
  TestServer server(always({.body = "short", .content_length = 500}));
  EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient));
}

TEST(HttpClient, DoesNotReuseAConnectionWithBytesLeftOver) {
  TestServer server(
      always({.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"}));
  auto client = make_http_client();
  for (int i = 0; i < 2; ++i) {
    auto reply = client->send(get(server.url()));
    ASSERT_TRUE(reply.ok()) << reply.error().text();
    EXPECT_EQ(reply->body, "ok");
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClient, RefusesWhatIsNotHttp) {
  TestServer server(always({.raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}));
  EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient));
  server.set_script(
      always({.raw = "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n"}));
  EXPECT_TRUE(make_http_client()->send(get(server.url())).is(Code::transient));
}

TEST(HttpClient, RefusesATooLongBody) {
  TestServer server(always({.body = std::string(1 << 20, 'x'), .repeat = 1 << 12}));
  HttpRequest request = get(server.url());
  request.max_body = 1 << 16;
  EXPECT_TRUE(make_http_client()->send(request).is(Code::invalid));
  server.set_script(
      always({.body = std::string(1 << 20, 'x'), .repeat = 1 << 12, .chunked = true}));
  EXPECT_TRUE(make_http_client()->send(request).is(Code::invalid));
}

TEST(HttpClient, EndsAHangingRequest) {
  TestServer server(always({.hang = true}));
  HttpRequest request = get(server.url());
  request.timeout_ms = 50;
  EXPECT_TRUE(make_http_client()->send(request).is(Code::transient));
}

TEST(HttpClient, EndsASlowDripThoughBytesKeepComing) {
  TestServer server(always({.body = std::string(1000, 'x'), .drip = 1, .drip_ms = 10}));
  HttpRequest request = get(server.url());
  request.timeout_ms = 100;
  EXPECT_TRUE(make_http_client()->send(request).is(Code::transient));
}

TEST(HttpClient, CancelEndsARequest) {
  TestServer server(always({.hang = true}));
  Cancel cancel;
  std::thread canceller([&] {
    server.wait_for("/");
    cancel.set();
  });
  EXPECT_TRUE(make_http_client()->send(get(server.url()), &cancel).is(Code::cancelled));
  canceller.join();
}

TEST(HttpClient, ARefusedConnectionIsTransient) {
  std::string url;
  {
    TestServer server(always({}));
    url = server.url();
  }
  EXPECT_TRUE(make_http_client()->send(get(url)).is(Code::transient));
}

TEST(HttpClient, RefusesHeadersThatWouldSmuggle) {
  auto client = make_http_client();
  for (const Headers& headers :
       {Headers{{"X", "a\r\nY: b"}}, Headers{{"X Y", "a"}}, Headers{{"Content-Length", "7"}}}) {
    HttpRequest request = get("http://127.0.0.1:1/");
    request.headers = headers;
    EXPECT_TRUE(client->send(request).is(Code::invalid)) << headers[0].first;
  }
}

TEST(HttpClient, ManyThreadsShareOneClient) {
  TestServer server(always({.body = std::string(20000, 'k')}));
  auto client = make_http_client();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) good += client->send(get(server.url())).ok();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
  EXPECT_LE(server.connections(), 8);
}

class Tls : public ::testing::Test {
 protected:
  HttpClientOptions trusting(const TestServer& server) {
    std::string path = dir_->path() + "/ca.pem";
    EXPECT_TRUE(replace_file(path, server.certificate(), false).ok());
    HttpClientOptions options;
    options.ca_file = path;
    return options;
  }
  Result<TempDir> dir_ = TempDir::create("tls");
};

TEST_F(Tls, TrustsTheGivenAuthority) {
  TestServer server(always({.body = std::string(6000, 's'), .repeat = 100}), "127.0.0.1");
  auto client = make_http_client(trusting(server));
  for (int i = 0; i < 2; ++i) {
    auto reply = client->send(get(server.url()));
    ASSERT_TRUE(reply.ok()) << reply.error().text();
    EXPECT_EQ(reply->body.size(), 600'000u);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Tls, RefusesAnUnknownAuthority) {
  TestServer server(always({.body = "secret"}), "127.0.0.1");
  auto reply = make_http_client()->send(get(server.url()));
  ASSERT_TRUE(reply.is(Code::denied)) << (reply.ok() ? "accepted" : reply.error().text());
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Tls, RefusesAnotherHostsCertificate) {
  TestServer server(always({.body = "secret"}), "example.org");
  auto reply = make_http_client(trusting(server))->send(get(server.url()));
  ASSERT_TRUE(reply.is(Code::denied)) << (reply.ok() ? "accepted" : reply.error().text());
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Tls, VerifiesTheNameOfAHost) {
  TestServer server(always({.body = "named"}), "named.test");
  HttpClientOptions options = trusting(server);
  options.resolver.hosts_file = dir_->path() + "/hosts";
  ASSERT_TRUE(
      replace_file(options.resolver.hosts_file, "127.0.0.1 named.test other.test\n", false).ok());
  auto client = make_http_client(options);
  std::string port = std::to_string(server.port());
  auto reply = client->send(get("https://named.test:" + port));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_TRUE(client->send(get("https://other.test:" + port)).is(Code::denied));
}

TEST_F(Tls, NoticesAStreamCutWithoutAnEnd) {
  TestServer server(always({.body = "cut", .until_close = true}), "127.0.0.1");
  EXPECT_TRUE(make_http_client(trusting(server))->send(get(server.url())).is(Code::transient));
}

TEST_F(Tls, HonoursSslCertFile) {
  TestServer server(always({.body = "ok"}), "127.0.0.1");
  Variable variable("SSL_CERT_FILE", trusting(server).ca_file);
  EXPECT_TRUE(make_http_client()->send(get(server.url())).ok());
}

TEST_F(Tls, AnUnusableSslCertFileIsNamed) {
  Variable variable("SSL_CERT_FILE", dir_->path() + "/absent.pem");
  auto reply = make_http_client()->send(get("https://127.0.0.1:1/"));
  ASSERT_TRUE(reply.is(Code::denied));
  EXPECT_NE(reply.error().message.find("absent.pem"), std::string::npos);
}

TEST(HttpProxy, PlainRequestsNameTheWholeUrl) {
  TestServer proxy(always({.body = "by proxy"}));
  Variable variable("http_proxy", "http://user:p%40ss@127.0.0.1:" + std::to_string(proxy.port()));
  HttpRequest request = get("http://example.test/x?y");
  request.use_proxy = true;
  auto reply = make_http_client()->send(request);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  TestRequest seen = proxy.requests().at(0);
  EXPECT_EQ(seen.target, "http://example.test/x?y");
  EXPECT_EQ(seen.header("Proxy-Authorization"), "Basic dXNlcjpwQHNz");
}

TEST(HttpProxy, APasswordIsNeverRepeated) {
  for (const char* address : {"http://me:hun/ter@127.0.0.1:1x", "http://me:hun/ter2@127.0.0.1:port",
                              "http://me:hun?ter2@127.0.0.1:port", "ftp://me:hun#ter2@host"}) {
    Variable variable("http_proxy", address);
    HttpRequest request = get("http://example.test/");
    request.use_proxy = true;
    auto reply = make_http_client()->send(request);
    ASSERT_FALSE(reply.ok()) << address;
    EXPECT_EQ(reply.error().text().find("ter"), std::string::npos) << reply.error().text();
  }
}

TEST(HttpProxy, NoProxyAndUseProxyFalseGoDirectly) {
  TestServer server(always({.body = "direct"}));
  Variable proxy("http_proxy", "http://127.0.0.1:1");
  EXPECT_TRUE(make_http_client()->send(get(server.url())).ok());
  Variable exempt("no_proxy", "example.test, 127.0.0.1");
  HttpRequest request = get(server.url());
  request.use_proxy = true;
  EXPECT_TRUE(make_http_client()->send(request).ok());
}

// A proxy that opens tunnels to one server, whatever it is asked for, for one connection.
class TunnelProxy {
 public:
  explicit TunnelProxy(uint16_t to) : to_(to) {
    auto* generic = reinterpret_cast<sockaddr*>(&address_);
    socklen_t length = sizeof address_;
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_.get(), generic, length), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    EXPECT_EQ(getsockname(listener_.get(), generic, &length), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~TunnelProxy() {
    if (thread_.joinable()) thread_.join();
  }
  TunnelProxy(const TunnelProxy&) = delete;
  TunnelProxy& operator=(const TunnelProxy&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }
  // What it was asked; waits for the connection's end.
  std::string head() {
    thread_.join();
    return head_;
  }

 private:
  void serve() {
    Fd client(accept(listener_.get(), nullptr, nullptr));
    char buffer[4096];
    while (head_.find("\r\n\r\n") == std::string::npos) {
      ssize_t n = recv(client.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      head_.append(buffer, static_cast<size_t>(n));
    }
    Fd server(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in target = address_;
    target.sin_port = htons(to_);
    if (connect(server.get(), reinterpret_cast<sockaddr*>(&target), sizeof target) != 0) return;
    std::string opened = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    send(client.get(), opened.data(), opened.size(), MSG_NOSIGNAL);
    while (pass(client.get(), server.get()) && pass(server.get(), client.get())) {
    }
  }
  // Carries over what has come; false at the end.
  static bool pass(int from, int to) {
    pollfd watched{from, POLLIN, 0};
    if (poll(&watched, 1, 1) == 0) return true;
    char buffer[65536];
    ssize_t n = recv(from, buffer, sizeof buffer, 0);
    return n > 0 && send(to, buffer, static_cast<size_t>(n), MSG_NOSIGNAL) == n;
  }

  uint16_t to_;
  std::string head_;
  sockaddr_in address_{};
  Fd listener_{socket(AF_INET, SOCK_STREAM, 0)};
  std::thread thread_;
};

TEST_F(Tls, GoesThroughAProxysTunnel) {
  TestServer server(always({.body = "through the tunnel"}), "inside.test");
  TunnelProxy proxy(server.port());
  Variable variable("https_proxy", proxy.url());
  HttpRequest request = get("https://inside.test/");
  request.use_proxy = true;
  {
    auto client = make_http_client(trusting(server));
    for (int i = 0; i < 2; ++i) {
      auto reply = client->send(request);
      ASSERT_TRUE(reply.ok()) << reply.error().text();
      EXPECT_EQ(reply->body, "through the tunnel");
    }
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(proxy.head(), "CONNECT inside.test:443 HTTP/1.1\r\nHost: inside.test:443\r\n\r\n");
}

TEST(HttpProxy, ARefusedTunnelSaysWhatToDo) {
  TestServer proxy(always({.status = 407}));
  Variable variable("https_proxy", proxy.url());
  HttpRequest request = get("https://example.test/");
  request.use_proxy = true;
  auto reply = make_http_client()->send(request);
  ASSERT_TRUE(reply.is(Code::denied));
  EXPECT_EQ(proxy.requests().at(0).method, "CONNECT");
  EXPECT_EQ(proxy.requests().at(0).target, "example.test:443");
}

}  // namespace
}  // namespace baton
