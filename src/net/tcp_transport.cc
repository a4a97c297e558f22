#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "net/resolver.h"
#include "net/transport.h"

namespace baton {
namespace {

class PlainTransport : public Transport {
 public:
  PlainTransport(Fd fd, std::string peer) : fd_(std::move(fd)), peer_(std::move(peer)) {}

  Result<size_t> read_some(char* buffer, size_t size, const Deadline& deadline,
                           const Cancel* cancel) override {
    while (true) {
      ssize_t n = recv(fd_.get(), buffer, size, 0);
      if (n >= 0) return static_cast<size_t>(n);
      BATON_TRY(wait_or_fail(POLLIN, "the reply of " + peer_, deadline, cancel));
    }
  }

  Status write_all(std::string_view bytes, const Deadline& deadline,
                   const Cancel* cancel) override {
    while (!bytes.empty()) {
      ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n >= 0)
        bytes.remove_prefix(static_cast<size_t>(n));
      else
        BATON_TRY(wait_or_fail(POLLOUT, "sending to " + peer_, deadline, cancel));
    }
    return {};
  }

  bool quiet() const override {
    pollfd watched{fd_.get(), POLLIN, 0};
    return poll(&watched, 1, 0) == 0;
  }

 private:
  // After a failed call: waits where it would have blocked, else tells the error.
  Status wait_or_fail(short events, const std::string& doing, const Deadline& deadline,
                      const Cancel* cancel) const {
    if (errno == EINTR) return {};
    if (errno != EAGAIN)
      return Error{Code::transient, "the connection to " + peer_ + " broke: " + strerror(errno),
                   ""};
    Wait wait = wait_fd(fd_.get(), events, deadline, cancel);
    return wait == Wait::ready ? Status() : Status(wait_error(wait, doing));
  }

  Fd fd_;
  std::string peer_;
};

Result<Fd> connect_address(const std::string& address, uint16_t port, const Deadline& deadline,
                           const Cancel* cancel) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  socklen_t length = sizeof *v4;
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof *v6;
  } else {
    return Error{Code::invalid, printable(address) + " is no network address", ""};
  }
  std::string where = address + " port " + std::to_string(port);
  auto failed = [&](int error) {
    return Error{Code::transient, "cannot connect to " + where + ": " + strerror(error), ""};
  };
  Fd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return failed(errno);
  int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only speed depends on it
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0) return fd;
  if (errno != EINPROGRESS) return failed(errno);
  Wait wait = wait_fd(fd.get(), POLLOUT, deadline, cancel);
  if (wait != Wait::ready) return wait_error(wait, "connecting to " + where);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
    return failed(error);
  return fd;
}

}  // namespace

Result<Fd> connect_tcp(const std::string& host, const std::string& port,
                       const ResolverOptions& options, const Deadline& deadline,
                       const Cancel* cancel) {
  BATON_ASSIGN(std::vector<std::string> addresses, resolve(host, options, deadline, cancel));
  Error last;
  for (size_t i = 0; i < addresses.size(); ++i) {
    auto left = static_cast<int64_t>(addresses.size() - i);
    auto fd = connect_address(addresses[i], static_cast<uint16_t>(std::stoi(port)),
                              deadline.sooner(deadline.left_ms() / left), cancel);
    if (fd.ok() || fd.is(Code::cancelled)) return fd;
    // IPv4 comes first; where IPv6 does not exist here, its error would hide the one that matters.
    if (i == 0 || addresses[i].find(':') == std::string::npos) last = fd.error();
  }
  return last;
}

std::unique_ptr<Transport> make_plain_transport(Fd fd, const std::string& peer) {
  return std::make_unique<PlainTransport>(std::move(fd), peer);
}

}  // namespace baton
