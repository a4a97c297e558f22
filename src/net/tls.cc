#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdlib>

#include "net/ca_bundle.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxBundle = 16 << 20;

// Adds every certificate of a PEM text; returns how many there were.
int add_certificates(X509_STORE* store, std::string_view pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  int count = 0;
  while (X509* certificate =
             bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr) {
    count += X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
  }
  ERR_clear_error();  // the end of the text counts as an error
  return count;
}

// The usual places: Debian and Alpine, Fedora, openSUSE, newer Red Hat, OpenBSD's which some images
// copy.
constexpr const char* kSystemBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem"};

Status load_roots(X509_STORE* store, std::string ca_file) {
  const char* from_environment = std::getenv("SSL_CERT_FILE");
  if (ca_file.empty() && from_environment) ca_file = from_environment;
  if (!ca_file.empty()) {
    auto pem = read_file(ca_file, kMaxBundle);
    if (pem.ok() && add_certificates(store, *pem) > 0) return {};
    std::string why = pem.ok() ? "it holds no certificate in PEM form" : pem.error().message;
    return Error{Code::denied, "the certificates in " + ca_file + " cannot be used: " + why,
                 "correct or unset SSL_CERT_FILE"};
  }
  for (const char* path : kSystemBundles) {
    auto pem = read_file(path, kMaxBundle);
    if (pem.ok() && add_certificates(store, *pem) > 0) return {};
  }
  add_certificates(store, embedded_ca_bundle());
  return {};
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::unique_ptr<TlsContext>> make_tls_context(const std::string& ca_file) {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  auto tls = std::make_unique<TlsContext>(SSL_CTX_new(TLS_client_method()));
  if (!tls->get()) return Error{Code::permanent, "TLS cannot be set up: " + tls_error_text(), ""};
  SSL_CTX_set_min_proto_version(tls->get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(tls->get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(tls->get(), SSL_MODE_AUTO_RETRY | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  BATON_TRY(load_roots(SSL_CTX_get_cert_store(tls->get()), ca_file));
  return tls;
}

std::string tls_error_text() {
  unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "the connection was closed";
}

}  // namespace baton
