// What all TLS connections of one client share: settings and trusted roots.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace baton {

class TlsContext {
 public:
  // Reads the trusted roots (make_tls_context). Takes some 10 ms and a few MiB.
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

// TLS 1.2 or later, peers verified against `ca_file`; "": $SSL_CERT_FILE, else the system's bundle,
// else the one inside the binary. No OpenSSL configuration file is read: behaviour does not depend
// on the image. Error: Code::denied where a file that was asked for holds no certificate.
Result<std::unique_ptr<TlsContext>> make_tls_context(const std::string& ca_file);

// The text of OpenSSL's oldest queued error, which the queue is emptied of.
std::string tls_error_text();

}  // namespace baton
