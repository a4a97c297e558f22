// A connected byte stream, plain or TLS, whose every wait ends: by a deadline or a Cancel.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/deadline.h"
#include "os/fd.h"

namespace baton {

class TlsContext;

// Used by one thread at a time. Errors: transient, cancelled; from a TLS handshake also denied.
class Transport {
 public:
  virtual ~Transport() = default;
  // At least one byte, or 0 at the end of the stream. A TLS stream cut off without its closing
  // alert ends with an error, since an attacker can cut it anywhere.
  virtual Result<size_t> read_some(char* buffer, size_t size, const Deadline& deadline,
                                   const Cancel* cancel) = 0;
  virtual Status write_all(std::string_view bytes, const Deadline& deadline,
                           const Cancel* cancel) = 0;
  // Nothing has arrived unasked (an end of stream included), so that an idle connection may be used
  // again.
  virtual bool quiet() const = 0;
};

// Connects to the first address of `host` that accepts; each gets its share of the time that is
// left.
Result<Fd> connect_tcp(const std::string& host, const std::string& port,
                       const ResolverOptions& options, const Deadline& deadline,
                       const Cancel* cancel);

// `peer` names the other side in errors ("example.org:443").
std::unique_ptr<Transport> make_plain_transport(Fd fd, const std::string& peer);

// TLS 1.2 or later on `fd`, with server name indication and the certificate verified for `host`.
// An untrusted certificate or another host's is Code::denied.
Result<std::unique_ptr<Transport>> make_tls_transport(Fd fd, const std::string& host,
                                                      const std::string& peer,
                                                      const TlsContext& tls,
                                                      const Deadline& deadline,
                                                      const Cancel* cancel);

}  // namespace baton
