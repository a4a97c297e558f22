#include "net/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "os/files.h"

namespace baton {
namespace {

// A socket's address holds 107 bytes; a longer path is reached through its directory's descriptor.
struct UnixAddress {
  sockaddr_un address{};
  Fd directory;
};

Result<UnixAddress> unix_address(const std::string& path) {
  UnixAddress out;
  out.address.sun_family = AF_UNIX;
  std::string text = path;
  if (text.size() >= sizeof out.address.sun_path) {
    BATON_ASSIGN(out.directory, open_file(parent_path(path), O_PATH | O_DIRECTORY));
    text = "/proc/self/fd/" + std::to_string(out.directory.get()) + "/" + base_name(path);
  }
  if (text.size() >= sizeof out.address.sun_path)
    return Error{Code::invalid, "the name of the socket " + path + " is too long",
                 "use a file name under 80 bytes"};
  std::memcpy(out.address.sun_path, text.c_str(), text.size() + 1);
  return out;
}

const sockaddr* generic(const UnixAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

}  // namespace

Result<std::string> LineConnection::read_line(size_t limit, const Deadline& deadline,
                                              const Cancel* cancel) {
  while (true) {
    size_t end = pending_.find('\n');
    if (end != std::string::npos && end <= limit) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (pending_.size() > limit)
      return Error{Code::invalid,
                   "a line on the socket is longer than " + std::to_string(limit) + " bytes", ""};
    Wait wait = wait_fd(fd_.get(), POLLIN, deadline, cancel);
    if (wait != Wait::ready) return wait_error(wait, "waiting for a line on the socket");
    char buffer[4096];
    ssize_t n = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n == 0 && pending_.empty())
      return Error{Code::transient, "the other side closed the socket", ""};
    if (n == 0) return Error{Code::invalid, "a line on the socket is not complete", ""};
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return errno_error(errno, "read from the socket");
    if (n > 0) pending_.append(buffer, static_cast<size_t>(n));
  }
}

Status LineConnection::write_line(const std::string& line, const Deadline& deadline,
                                  const Cancel* cancel) {
  std::string out = line + "\n";
  for (size_t at = 0; at < out.size();) {
    ssize_t n = send(fd_.get(), out.data() + at, out.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      at += static_cast<size_t>(n);
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET)
      return Error{Code::transient, "the other side closed the socket", ""};
    if (errno != EAGAIN && errno != EINTR) return errno_error(errno, "write to the socket");
    Wait wait = wait_fd(fd_.get(), POLLOUT, deadline, cancel);
    if (wait != Wait::ready) return wait_error(wait, "writing to the socket");
  }
  return {};
}

int64_t LineConnection::peer_uid() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? int64_t{peer.uid} : -1;
}

Result<std::unique_ptr<LineServer>> LineServer::listen(const std::string& path, mode_t mode) {
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) {
    if (connect_unix(path, Deadline::in_ms(0)).ok())
      return Error{Code::exists, "another process listens on the socket " + path, ""};
    unlink(path.c_str());
  }
  BATON_ASSIGN(UnixAddress address, unix_address(path));
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid() || bind(fd.get(), generic(address), sizeof address.address) != 0)
    return errno_error(errno, "make the socket " + path);
  std::unique_ptr<LineServer> server(new LineServer(std::move(fd), path));
  // Nobody can connect before listen(2), so that the mode is set in time.
  if (chmod(path.c_str(), mode) != 0 || ::listen(server->fd(), 64) != 0)
    return errno_error(errno, "listen on the socket " + path);
  return server;
}

LineServer::~LineServer() { unlink(path_.c_str()); }

Result<LineConnection> LineServer::accept() {
  Fd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid()) return LineConnection(std::move(fd));
  // Short of descriptors or memory is a passing trouble, as is a peer that has hung up already.
  return Error{Code::transient,
               "nobody is to be accepted on the socket " + path_ + ": " + strerror(errno), ""};
}

Result<LineConnection> connect_unix(const std::string& path, const Deadline& deadline) {
  BATON_ASSIGN(UnixAddress address, unix_address(path));
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error(errno, "make a socket");
  while (connect(fd.get(), generic(address), sizeof address.address) != 0) {
    if (errno == EINTR) continue;
    if (errno == ECONNREFUSED)
      return Error{Code::transient, "nobody listens on the socket " + path, ""};
    if (errno != EAGAIN) return errno_error(errno, "connect to the socket " + path);
    // The server's queue is full; poll(2) cannot tell when that is over.
    if (deadline.passed()) return wait_error(Wait::timeout, "connecting to the socket " + path);
    wait_fd(-1, 0, deadline.sooner(5), nullptr);
  }
  return LineConnection(std::move(fd));
}

}  // namespace baton
