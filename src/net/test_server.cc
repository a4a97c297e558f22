#include "net/test_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/text.h"
#include "net/deadline.h"

namespace baton {
namespace {

constexpr int64_t kForever = 600'000;

ssl_ctx_st* make_server_context(const TestCertificate& own) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* bio =
      BIO_new_mem_buf(own.certificate_pem.data(), static_cast<int>(own.certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(own.key_pem.data(), static_cast<int>(own.key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

std::string reply_head(const TestReply& reply, uint64_t length) {
  std::string head = fmt::format("HTTP/1.1 {} Scripted\r\n", reply.status);
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  if (reply.chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (!reply.until_close)
    head += fmt::format("Content-Length: {}\r\n", reply.content_length.value_or(length));
  return head + "\r\n";
}

}  // namespace

// Blocking; the server's destructor ends it by shutting the socket down.
struct TestServer::Connection {
  int fd;
  SSL* ssl = nullptr;
  std::string pending;

  ~Connection() { SSL_free(ssl); }
  bool fill() {
    char buffer[16384];
    auto n = ssl ? static_cast<ssize_t>(SSL_read(ssl, buffer, sizeof buffer))
                 : recv(fd, buffer, sizeof buffer, 0);
    if (n > 0) pending.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto n =
          ssl ? static_cast<ssize_t>(SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())))
              : send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
};

std::string TestRequest::header(const std::string& name) const {
  for (const auto& [key, value] : headers)
    if (strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  return "";
}

int TestRequest::count(const std::string& name) const {
  return static_cast<int>(std::count_if(headers.begin(), headers.end(), [&](const auto& header) {
    return strcasecmp(header.first.c_str(), name.c_str()) == 0;
  }));
}

TestServer::TestServer(TestScript script, const std::string& tls_name)
    : script_(std::move(script)) {
  if (!tls_name.empty()) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
    TestCertificate own = make_test_certificate(tls_name);
    certificate_ = own.certificate_pem;
    tls_ = make_server_context(own);
  }
  listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), 64) != 0 ||
      getsockname(listener_.get(), generic, &length) != 0)
    throw std::runtime_error(std::string("the test server cannot listen: ") + strerror(errno));
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

TestServer::~TestServer() {
  stop_.set();
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  SSL_CTX_free(tls_);
}

std::string TestServer::url() const {
  return fmt::format("{}://127.0.0.1:{}", tls_ ? "https" : "http", port_);
}

void TestServer::set_script(TestScript script) {
  std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::vector<TestRequest> TestServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

int TestServer::connections() const {
  std::lock_guard lock(mutex_);
  return connections_;
}

bool TestServer::wait_for(const std::string& part, size_t count) const {
  std::unique_lock lock(mutex_);
  return asked_.wait_for(lock, std::chrono::seconds(30), [&] {
    auto matches = std::count_if(
        requests_.begin(), requests_.end(),
        [&](const TestRequest& request) { return request.target.find(part) != std::string::npos; });
    return static_cast<size_t>(matches) >= count;
  });
}

void TestServer::accept_loop() {
  while (wait_fd(listener_.get(), POLLIN, Deadline::in_ms(kForever), &stop_) != Wait::cancelled) {
    int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::lock_guard lock(mutex_);
    open_.insert(fd);
    int number = ++connections_;
    threads_.emplace_back([this, fd, number] { serve(fd, number); });
  }
}

void TestServer::serve(int fd, int number) {
  {
    Connection connection{fd, nullptr, ""};
    if (tls_) {
      connection.ssl = SSL_new(tls_);
      SSL_set_fd(connection.ssl, fd);
    }
    if (!connection.ssl || SSL_accept(connection.ssl) == 1)
      while (!stop_.is_set() && serve_one(connection, number)) {
      }
  }
  std::lock_guard lock(mutex_);
  open_.erase(fd);
  close(fd);
}

// Reads one request and answers it; false when the connection is to be closed.
bool TestServer::serve_one(Connection& connection, int number) {
  size_t end = 0;
  while ((end = connection.pending.find("\r\n\r\n")) == std::string::npos)
    if (!connection.fill()) return false;
  TestRequest request;
  request.connection = number;
  std::vector<std::string> lines = split(connection.pending.substr(0, end), '\n');
  connection.pending.erase(0, end + 4);
  std::vector<std::string> first = split(trim(lines[0]), ' ');
  request.method = first[0];
  request.target = first.size() > 1 ? first[1] : "";
  for (size_t i = 1; i < lines.size(); ++i) {
    size_t colon = lines[i].find(':');
    if (colon == std::string::npos) continue;
    request.headers.emplace_back(lines[i].substr(0, colon),
                                 std::string(trim(lines[i].substr(colon + 1))));
  }
  std::string length = request.header("Content-Length");
  size_t body = length.empty() ? 0 : std::stoull(length);
  while (connection.pending.size() < body)
    if (!connection.fill()) return false;
  request.body = connection.pending.substr(0, body);
  connection.pending.erase(0, body);

  std::unique_lock lock(mutex_);
  requests_.push_back(request);
  TestReply reply = script_(request);
  lock.unlock();
  asked_.notify_all();

  stop_.wait_ms(reply.hang ? kForever : reply.delay_ms);
  if (stop_.is_set()) return false;
  if (reply.reset) {
    linger now{1, 0};
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return false;
  }
  if (!reply.raw.empty()) return connection.write(reply.raw) && false;
  send_reply(connection, reply, request.method == "HEAD");
  bool cut = reply.cut_after < reply.body.size() * reply.repeat;
  return !cut && !reply.until_close && !reply.content_length;
}

void TestServer::send_reply(Connection& connection, const TestReply& reply, bool head_only) {
  uint64_t length = reply.body.size() * reply.repeat;
  std::string head = reply_head(reply, length);
  if (head_only) {
    connection.write(head);
    return;
  }
  if (reply.drip == 0 && !connection.write(head)) return;
  // A drip is small, so that all of it fits into memory; a huge body is sent piece by piece.
  std::string dripped = reply.drip ? head : "";
  for (uint64_t i = 0, sent = 0; i < reply.repeat && sent < reply.cut_after; ++i) {
    std::string piece = reply.body.substr(0, reply.cut_after - sent);
    sent += piece.size();
    if (reply.chunked && !piece.empty()) piece = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    if (reply.drip) dripped += piece;
    if (!reply.drip && !connection.write(piece)) return;
  }
  if (reply.chunked && reply.cut_after >= length) {
    if (reply.drip) dripped += "0\r\n\r\n";
    if (!reply.drip && !connection.write("0\r\n\r\n")) return;
  }
  for (size_t at = 0; at < dripped.size(); at += reply.drip)
    if (!connection.write(dripped.substr(at, reply.drip)) || stop_.wait_ms(reply.drip_ms)) return;
}

}  // namespace baton
