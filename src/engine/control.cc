#include "engine/control.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "os/files.h"

namespace baton {

Result<std::pair<Control, Fd>> Control::open() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0)
    return errno_error(errno, "make a socket pair");
  Fd ours(fds[0]), theirs(fds[1]);
  int on = 1;
  if (setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return errno_error(errno, "ask a socket for credentials");
  return std::pair(Control(std::move(ours)), std::move(theirs));
}

void Control::drain() {
  while (!closed_) {
    std::array<char, 64> text{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> extra{};
    iovec part{text.data(), text.size() - 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = extra.data();
    message.msg_controllen = extra.size();
    ssize_t n = recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      closed_ = true;
      return;
    }
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    ExitStatus status;
    if (std::strcmp(text.data(), "ready") == 0 && header && header->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
      pid_ = sender.pid;
    } else if (std::sscanf(text.data(), "exit %d %d", &status.code, &status.signal) == 2) {
      exit_ = status;
    }
  }
}

Status Control::signal(int signal) {
  std::string text = fmt::format("signal {}", signal);
  if (send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
  if (errno == EPIPE || errno == ECONNRESET) return {};
  return errno_error(errno, fmt::format("send signal {} to the container", signal));
}

void Control::kill() {
  // A full or closed line needs no word: closing it ends the container as well.
  (void)send(fd_.get(), "kill", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace baton
