// A scriptable HTTP(S) server on 127.0.0.1, for tests only: misbehaves on demand and records what
// it was asked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "net/http.h"
#include "os/fd.h"

struct ssl_ctx_st;

namespace baton {

struct TestRequest {
  std::string method, target;
  Headers headers;
  std::string body;
  int connection = 0;  // counts from 1
  // By name without regard to case; "" when absent.
  std::string header(const std::string& name) const;
  // How many headers have this name.
  int count(const std::string& name) const;
};

struct TestReply {
  int status = 200;
  std::string body{};  // (members without a value would make g++ warn of every partial initializer)
  Headers headers{};
  int64_t delay_ms = 0;  // before the first byte
  size_t drip = 0;       // bytes at a time, with drip_ms between; 0: all at once
  int64_t drip_ms = 0;
  uint64_t repeat = 1;  // the body, so many times
  bool chunked = false;
  bool until_close = false;  // no Content-Length: the end of the stream is the end of the body
  std::optional<uint64_t> content_length{};  // announced instead of the true one
  size_t cut_after =
      std::numeric_limits<size_t>::max();  // bytes of the body before the connection is closed
  bool reset = false;                      // TCP reset instead of a reply
  bool hang = false;                       // no reply, until the server stops
  std::string raw{};                       // sent as it is, then the connection is closed
};

// Called for each request, from the connections' threads, one at a time.
using TestScript = std::function<TestReply(const TestRequest&)>;

class TestServer {
 public:
  // `tls_name`: serve TLS with a self-made certificate for this host name or address; "": plain
  // HTTP.
  explicit TestServer(TestScript script, const std::string& tls_name = "");
  ~TestServer();  // ends every connection and joins
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  // "http://127.0.0.1:PORT", or https.
  std::string url() const;
  uint16_t port() const { return port_; }
  // The certificate, in PEM form, for clients to trust.
  const std::string& certificate() const { return certificate_; }
  void set_script(TestScript script);
  std::vector<TestRequest> requests() const;
  // Waits until `count` requests have a target that contains `part`; false after 30 s.
  bool wait_for(const std::string& part, size_t count = 1) const;
  int connections() const;

 private:
  struct Connection;
  void accept_loop();
  void serve(int fd, int number);
  bool serve_one(Connection& connection, int number);
  void send_reply(Connection& connection, const TestReply& reply, bool head_only);

  uint16_t port_ = 0;
  Fd listener_;
  std::string certificate_;
  ssl_ctx_st* tls_ = nullptr;
  Cancel stop_;
  mutable std::mutex mutex_;
  mutable std::condition_variable asked_;
  TestScript script_;
  std::vector<TestRequest> requests_;
  std::set<int> open_;
  int connections_ = 0;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

// A key and a certificate for `name` that it signs itself, valid now, for tests.
struct TestCertificate {
  std::string key_pem, certificate_pem;
};
TestCertificate make_test_certificate(const std::string& name, int64_t valid_from_days = -1,
                                      int64_t valid_to_days = 30);

}  // namespace baton
