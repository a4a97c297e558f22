#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "net/tls.h"
#include "net/transport.h"

namespace baton {
namespace {

// A BIO over a socket that is not closed with it. OpenSSL's own writes with write(2), which raises
// SIGPIPE on a connection that the peer has closed.
int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto n = send(static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))), bytes,
                static_cast<size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto n = recv(static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))), bytes,
                static_cast<size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* make_bio(int fd) {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "baton socket");
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
  BIO_set_init(bio, 1);
  return bio;
}

class TlsTransport : public Transport {
 public:
  TlsTransport(Fd fd, std::string peer, SSL_CTX* context)
      : fd_(std::move(fd)), peer_(std::move(peer)), ssl_(SSL_new(context), SSL_free) {
    BIO* bio = make_bio(fd_.get());
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  Status handshake(const std::string& host, const Deadline& deadline, const Cancel* cancel) {
    in6_addr numeric;
    bool is_name = inet_pton(AF_INET, host.c_str(), &numeric) != 1 &&
                   inet_pton(AF_INET6, host.c_str(), &numeric) != 1;
    if (is_name) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    X509_VERIFY_PARAM* check = SSL_get0_param(ssl_.get());
    X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int set = is_name ? X509_VERIFY_PARAM_set1_host(check, host.c_str(), 0)
                      : X509_VERIFY_PARAM_set1_ip_asc(check, host.c_str());
    if (set != 1)
      return Error{Code::denied, "no certificate can be checked for the host " + host, ""};
    while (true) {
      ERR_clear_error();
      int rc = SSL_connect(ssl_.get());
      if (rc == 1) return {};
      long verified = SSL_get_verify_result(ssl_.get());
      if (verified != X509_V_OK) return not_trusted(verified);
      BATON_TRY(wait_or_fail(rc, "the TLS handshake with " + peer_, deadline, cancel));
    }
  }

  Result<size_t> read_some(char* buffer, size_t size, const Deadline& deadline,
                           const Cancel* cancel) override {
    while (true) {
      ERR_clear_error();
      int n = SSL_read(ssl_.get(), buffer, static_cast<int>(std::min<size_t>(size, INT_MAX)));
      if (n > 0) return static_cast<size_t>(n);
      if (SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN) return size_t{0};
      BATON_TRY(wait_or_fail(n, "the reply of " + peer_, deadline, cancel));
    }
  }

  Status write_all(std::string_view bytes, const Deadline& deadline,
                   const Cancel* cancel) override {
    while (!bytes.empty()) {
      ERR_clear_error();
      int n = SSL_write(ssl_.get(), bytes.data(),
                        static_cast<int>(std::min<size_t>(bytes.size(), INT_MAX)));
      if (n > 0)
        bytes.remove_prefix(static_cast<size_t>(n));
      else
        BATON_TRY(wait_or_fail(n, "sending to " + peer_, deadline, cancel));
    }
    return {};
  }

  // TLS 1.3 session tickets may have arrived unasked: they make a connection look used up at worst.
  bool quiet() const override {
    pollfd watched{fd_.get(), POLLIN, 0};
    return SSL_pending(ssl_.get()) == 0 && poll(&watched, 1, 0) == 0;
  }

 private:
  Status wait_or_fail(int rc, const std::string& doing, const Deadline& deadline,
                      const Cancel* cancel) {
    int saved = errno;
    int error = SSL_get_error(ssl_.get(), rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      Wait wait =
          wait_fd(fd_.get(), error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, cancel);
      return wait == Wait::ready ? Status() : Status(wait_error(wait, doing));
    }
    std::string why = error == SSL_ERROR_SYSCALL && saved != 0 && saved != EAGAIN
                          ? strerror(saved)
                          : tls_error_text();
    ERR_clear_error();
    return Error{Code::transient, doing + " failed: " + why, ""};
  }

  Error not_trusted(long verified) const {
    return Error{Code::denied,
                 "the certificate of " + peer_ +
                     " is not trusted: " + X509_verify_cert_error_string(verified),
                 "if it is signed by an authority of your own, set SSL_CERT_FILE to a file with "
                 "that authority's certificate"};
  }

  Fd fd_;
  std::string peer_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_tls_transport(Fd fd, const std::string& host,
                                                      const std::string& peer,
                                                      const TlsContext& tls,
                                                      const Deadline& deadline,
                                                      const Cancel* cancel) {
  auto transport = std::make_unique<TlsTransport>(std::move(fd), peer, tls.get());
  BATON_TRY(transport->handshake(host, deadline, cancel));
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace baton
