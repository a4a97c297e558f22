#include "agent/program_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxClients = 64;

// Unlike one that has only shut down its writing side.
bool has_hung_up(int fd) {
  pollfd entry{fd, 0, 0};
  return poll(&entry, 1, 0) == 1;
}

}  // namespace

Result<ProgramSocket> ProgramSocket::listen(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error(errno, "make a socket");
  // sun_path holds 107 bytes, and $BATON_HOME may be deep: bind by way of the directory's
  // descriptor.
  BATON_ASSIGN(Fd dir, open_file(parent_path(path), O_PATH | O_DIRECTORY));
  std::string name = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + base_name(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return Error{Code::invalid, "socket name " + path + " is too long", ""};
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return errno_error(errno, "bind " + path);
  chmod(path.c_str(), 0666);
  if (::listen(fd.get(), 16) != 0) return errno_error(errno, "listen on " + path);
  return ProgramSocket(std::move(fd));
}

void ProgramSocket::add_to(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  // The end of what a client sends would be readable for ever; its hanging up is told all the same.
  for (const auto& [number, client] : clients_)
    fds.push_back({client.fd.get(), static_cast<short>(client.asked_all ? 0 : POLLIN), 0});
}

void ProgramSocket::accept_all() {
  while (true) {
    Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.valid()) return;
    if (clients_.size() < kMaxClients) clients_[++last_client_].fd = std::move(client);
  }
}

bool ProgramSocket::receive(Connection& connection) {
  char buffer[kMaxLine];
  while (true) {
    ssize_t n = recv(connection.fd.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) {
      connection.asked_all = true;
      return !has_hung_up(connection.fd.get());
    }
    connection.pending.append(buffer, static_cast<size_t>(n));
    if (connection.pending.size() > kMaxLine) return true;
  }
}

std::vector<ProgramSocket::Request> ProgramSocket::read() {
  accept_all();
  std::vector<Request> requests;
  for (auto it = clients_.begin(); it != clients_.end();) {
    Connection& client = it->second;
    std::string& pending = client.pending;
    const bool there = receive(client);
    for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      requests.push_back({it->first, pending.substr(0, end)});
      ++client.owed;
    }
    const bool served = client.asked_all && client.owed == 0;
    if (!there || served || pending.size() > kMaxLine)
      it = clients_.erase(it);
    else
      ++it;
  }
  return requests;
}

void ProgramSocket::answer(Client client, const std::string& line) {
  auto it = clients_.find(client);
  if (it == clients_.end()) return;
  Connection& connection = it->second;
  std::string text = line + "\n";
  ssize_t n = send(connection.fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  const bool served = --connection.owed == 0 && connection.asked_all;
  if (served || n != static_cast<ssize_t>(text.size())) clients_.erase(it);
}

}  // namespace baton
